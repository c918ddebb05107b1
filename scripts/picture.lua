--- Draws what a terminal shows as an SVG: the picture of the README.
-- scripts/demo 2>&1 | lua5.4 scripts/picture.lua "scripts/demo" >scripts/demo.svg
local title <const> = arg[1] or "tollgate"
local FONT <const>, LINE <const>, LEFT <const>, TOP <const> = 13, 18, 16, 52
local COLUMNS <const> = 100

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local lines = {}
for line in io.lines() do
  line = line:gsub("\27%[[%d;]*%a", ""):gsub("^.*\r", "")
  lines[#lines + 1] = utf8.len(line) > COLUMNS and line:sub(1, utf8.offset(line, COLUMNS) - 1) .. "…" or line
end

local width <const>, height <const> = 2 * LEFT + COLUMNS * 8, TOP + #lines * LINE + 12
print(('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">'):format(
  width, height, width, height))
print(("<title>%s in a terminal</title>"):format(escape(title)))
print(('<rect width="%d" height="%d" rx="8" fill="#14181f"/>'):format(width, height))
for i, colour in ipairs({ "#ff5f57", "#febc2e", "#28c840" }) do
  print(('<circle cx="%d" cy="20" r="6" fill="%s"/>'):format(LEFT + 4 + (i - 1) * 20, colour))
end
print(('<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="%d" fill="#d7dde8">'):format(FONT))
print(('<text x="%d" y="24" text-anchor="middle" fill="#8b95a7">$ %s</text>'):format(width // 2, escape(title)))
for i, line in ipairs(lines) do
  local colour = line:match("^%d%. ") and ' fill="#7fd1a8"' or line:match("^  total") and ' fill="#ffd479"' or ""
  print(('<text x="%d" y="%d" xml:space="preserve"%s>%s</text>'):format(LEFT, TOP + (i - 1) * LINE + 4, colour, escape(line)))
end
print("</g>\n</svg>")
