/* SPDX-License-Identifier: Apache-2.0 */
/* The headers from C++: options begin with their macros, functions have the linkage of C. */
#include <cstdio>
#include <cstring>

#include <stint/admin.h>
#include <stint/client.h>
#include <stint/node.h>

int
main()
{
    struct stint_client_options client_options = STINT_CLIENT_OPTIONS_INIT;
    struct stint_node_options node_options = STINT_NODE_OPTIONS_INIT;
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    struct stint_channel channel = STINT_CHANNEL_INIT;
    bool sized = client_options.size == sizeof client_options && node_options.size == sizeof node_options
        && spawn.size == sizeof spawn && channel.size == sizeof channel;
    std::puts(stint_client_version());
    return sized && std::strcmp(stint_client_version(), stint_node_version()) == 0 ? 0 : 1;
}
