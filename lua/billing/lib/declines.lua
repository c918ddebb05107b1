--- What a provider's code says about trying again. Codes are data: an unknown one is soft, and comes to an end with the
-- schedule.
local declines = {}

local CLASS <const> = {
  -- never again with this payment method
  lost_card = "hard", stolen_card = "hard", pickup_card = "hard", expired_card = "hard", incorrect_number = "hard",
  invalid_account = "hard", fraudulent = "hard", revocation_of_authorization = "hard",
  revocation_of_all_authorizations = "hard", transaction_not_allowed = "hard", stop_payment_order = "hard",
  card_not_supported = "hard", invalid_number = "hard", bank_account_closed = "hard", debit_not_authorized = "hard",
  INSTRUMENT_DECLINED = "hard", TRANSACTION_REFUSED = "hard",
  -- only with the customer present
  authentication_required = "authentication", PAYER_ACTION_REQUIRED = "authentication",
  ORDER_NOT_APPROVED = "authentication",
  -- the same request once more
  rate_limit = "network", lock_timeout = "network", api_connection_error = "network", api_error = "network",
  INTERNAL_SERVER_ERROR = "network", PREVIOUS_REQUEST_IN_PROGRESS = "network",
  -- our fault: nobody else can mend it
  amount_too_small = "ours", amount_too_large = "ours", resource_missing = "ours", parameter_invalid_empty = "ours",
  PERMISSION_DENIED = "ours", COMPLIANCE_VIOLATION = "ours",
}

--- What the adapter said, else what the advice or the code say.
-- @param attempt  {class?, code?, advice?}
function declines.class(attempt)
  if attempt.class then
    return attempt.class
  elseif attempt.advice == "do_not_try_again" or attempt.advice == "confirm_card_data" then
    return "hard"
  end
  return CLASS[attempt.code or ""] or "soft"
end

return declines
