--- What alerts there are: how much they matter, and what they say.
-- `text` is made from the alert's data; amounts there are decimals as text, with their currency beside.
local kinds = {}

local function money(data, name)
  return ("%s %s"):format(data[name], data.currency)
end

kinds["wallet.low_balance"] = {
  severity = "warning",
  text = function(data)
    return ("The balance is %s, below %s."):format(money(data, "balance"), money(data, "level"))
  end,
}

kinds["wallet.topup_wanted"] = {
  severity = "info",
  text = function(data)
    return ("The balance is %s: the wallet wants %s."):format(money(data, "balance"), money(data, "amount"))
  end,
}

kinds["wallet.topup_capped"] = {
  severity = "warning",
  text = function(data)
    return ("The balance is %s, and no more is topped up this month: %s is the most."):format(
      money(data, "balance"), money(data, "monthly_max"))
  end,
}

kinds["wallet.topup_failed"] = {
  severity = "critical",
  text = function(data)
    return ("A top-up of %s failed: %s"):format(money(data, "amount"), data.reason)
  end,
}

kinds["call.overrun"] = {
  severity = "warning",
  text = function(data)
    return ("The call %s cost %s more than was held for it."):format(data.call_id, money(data, "overrun"))
  end,
}

kinds["call.settled_late"] = {
  severity = "info",
  text = function(data)
    return ("The call %s was settled after it had expired; the difference is %s."):format(
      data.call_id, money(data, "difference"))
  end,
}

kinds["alerts.rule_failed"] = {
  severity = "critical",
  text = function(data)
    return ("The rule alerts.evaluate failed: %s"):format(data.error)
  end,
}

return kinds
