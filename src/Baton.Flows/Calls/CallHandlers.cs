using Baton.Flows.Calls.AsyncApi;
using Baton.Flows.Hosting;

namespace Baton.Flows.Calls;

internal static class CallHandlers
{
    public static IEnumerable<ICallHandler> All(FlowHost host, EgressHttp egress)
    {
        var authenticator = new Authenticator(host, egress);
        var http = new HttpCalls(egress, authenticator, host.Policy);
        return
        [
            http,
            new OpenApiCalls(http),
            new McpCalls(host, egress, authenticator),
            new A2aCalls(egress, http, authenticator),
            new ProcessCalls(host.Policy),
            new GrpcCalls(host, egress, http, authenticator),
            new AsyncApiCalls(host, egress, http, authenticator),
        ];
    }
}
