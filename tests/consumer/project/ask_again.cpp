/* SPDX-License-Identifier: Apache-2.0 */
/* ask_again ENDPOINT: a client in C++. Asks the greeter that `ask` has spawned, without blocking calls, and prints its answer. */
#include <poll.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include <stint/client.h>

namespace {

constexpr uint32_t timeout_ms = 20000;

struct CloseClient {
    void operator()(stint_client *client) const { stint_client_close(client, 1000); }
};
struct ReleaseCall {
    void operator()(stint_call *call) const { stint_call_release(call); }
};
using Client = std::unique_ptr<stint_client, CloseClient>;
using Call = std::unique_ptr<stint_call, ReleaseCall>;

Client
open_client(const char *endpoint)
{
    stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    char error[STINT_CLIENT_ERROR_SIZE];
    stint_client *client = nullptr;
    options.uri = endpoint;
    options.insecure = true;
    options.no_environment = true;
    if (stint_client_open(&options, &client, error, sizeof error) != STINT_OK) {
        throw std::runtime_error(error);
    }
    return Client(client);
}

/* Waits in a loop as an event loop would. */
Call
finish(const Client &client, stint_call *begun)
{
    Call call(begun);
    if (!call) {
        throw std::runtime_error(stint_client_error(client.get()));
    }
    while (!stint_call_done(call.get())) {
        pollfd p = { stint_client_fd(client.get()), POLLIN, 0 };
        poll(&p, 1, stint_client_timeout_ms(client.get()));
        stint_client_process(client.get());
    }
    if (stint_call_status(call.get()) != STINT_OK) {
        throw std::runtime_error(stint_call_error(call.get()));
    }
    return call;
}

} // namespace

int
main(int argc, char **argv)
try {
    Client client = open_client(argc == 2 ? argv[1] : "");
    const std::string question = R"({"name":"Grace","reply":"answers"})";
    finish(client, stint_client_send_json_begin(client.get(), "greeter", question.c_str(), nullptr, timeout_ms, nullptr, nullptr));
    Call answer = finish(client, stint_client_receive_begin(client.get(), "answers", true, timeout_ms, nullptr, nullptr));
    stint_value value;
    if (stint_call_value(answer.get(), &value) == STINT_OK) {
        std::puts(value.json);
    }
    return 0;
} catch (const std::exception &failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
}
