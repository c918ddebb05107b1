-- Each error is raised while another one is handled.
-- must: error attempt to
return { hook = "attack.run", api = 1, decide = function()
  local function fail(n)
    local _, why = pcall(function()
      if n > 0 then
        fail(n - 1)
      end
      return nil .. "x"
    end)
    error(why, 0)
  end
  fail(150)
end }
