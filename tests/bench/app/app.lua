--- The product with six routes more, for tests/bench/run.mjs: product.lua is the application's own app.lua.
local bench = require("bench.handler")
local product = require("product")

local routes = {
  { method = "GET", path = "/hello", handler = bench.hello, public = "the bench" },
  { method = "POST", path = "/quote", handler = bench.quote, public = "the bench" },
  { method = "POST", path = "/quote-simple", handler = bench.quote_simple, public = "the bench" },
  { method = "GET", path = "/number", handler = bench.number, public = "the bench" },
  { method = "GET", path = "/same-rules", handler = bench.same_rules, public = "the bench" },
  { method = "GET", path = "/wallets/{id}", handler = bench.wallet, public = "the bench" },
}
for _, route in ipairs(product.routes) do
  routes[#routes + 1] = route
end
product.routes = routes
return product
