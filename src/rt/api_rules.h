/* api_rules - the deck that tg.rules.call takes: made by a higher layer (tg.decks.get), used by this one. */
#ifndef TG_RT_API_RULES_H
#define TG_RT_API_RULES_H

#include <lua.h>

#include "rt/deck.h"

/* Pushes a userdata that takes over the caller's reference. */
void tg_rules_push_deck(lua_State *L, struct tg_deck *deck);
/* The deck at idx (borrowed, as long as the value lives); raises on anything else. */
struct tg_deck *tg_rules_check_deck(lua_State *L, int idx);

#endif
