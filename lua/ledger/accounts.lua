--- The accounts of a company: what money is there, and where it came from or went to.
-- A company's own money is what its wallet says; every other account is seen from the one who sells: a charge takes
-- from the wallet and gives to revenue. Only a wallet has a balance of its own, the others are sums of their postings.
return {
  wallet = "what a company may spend; its own row, its own lock",
  clearing = "money on its way between us and a bank or a provider: what came in is negative here",
  revenue = "what was charged for usage and calls",
  receivable = "what is owed on invoices",
  tax = "tax that was charged and is to be handed on",
  refunds = "money that goes back",
  fx = "gain and loss of exchange",
  breakage = "credit that expired before it was used",
  promotions = "what was given away",
  corrections = "what somebody has put right by hand",
}
