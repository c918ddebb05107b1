/* health - /healthz, /readyz and /metrics, for those who run the server.
 *
 * /healthz: the process answers. /readyz: it should get traffic (200), or not (503): it is draining, or the
 * application's own `ready()` (lua/app.lua; it may ask the database) says no. /metrics: OpenMetrics text, for whom
 * tollgate.metrics says.
 */
#ifndef TG_WEB_HEALTH_H
#define TG_WEB_HEALTH_H

#include <h2o.h>

/* Adds the handler to a path of h2o.conf. */
void tg_health_register(h2o_pathconf_t *pathconf);

#endif
