local zones = require("core.zones")

describe("zones", function()
  it("has links, plain names and UTC", function()
    for _, name in ipairs({ "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+5" }) do
      assert.is_true(zones.exists(name), name)
    end
    assert.is_false(zones.exists("Mars/Olympus"))
    assert.is_false(zones.exists(""))
  end)

  it("names only what the machine's tzdata has", function()
    local probe = io.open("/usr/share/zoneinfo/UTC", "rb")
    if not probe then
      return pending("this machine has no tzdata")
    end
    probe:close()
    for _, name in ipairs(zones.names()) do
      local file = io.open("/usr/share/zoneinfo/" .. name, "rb")
      assert.is_truthy(file, name)
      file:close()
    end
  end)
end)
