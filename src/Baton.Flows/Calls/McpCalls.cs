using Baton.Flows.Hosting;
using Baton.Jq;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Baton.Flows.Calls;

/// <summary>
/// <c>call: mcp</c> over streamable HTTP or stdio. Each call is a session of its own: initialize, one request, end. Lists
/// are read page by page and given as one. A tool that reports an error faults the task.
/// </summary>
internal sealed class McpCalls(FlowHost host, EgressHttp http, Authenticator authenticator) : ICallHandler
{
    private const string DefaultVersion = "2025-06-18";
    private const int MaxPages = 100;

    public IReadOnlyList<string> Kinds => ["mcp"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        var method = context.Required("method");
        var options = new McpClientOptions { ProtocolVersion = context.Text("protocolVersion") ?? DefaultVersion };
        if (context.Arguments["client"]["name"].TryGetString(out var name))
        {
            options.ClientInfo = new Implementation { Name = name, Version = context.Arguments["client"]["version"].GetString() };
        }
        try
        {
            await using var client = await McpClient.CreateAsync(await TransportAsync(context, cancellationToken), options, host.Logging, cancellationToken);
            return method.EndsWith("/list", StringComparison.Ordinal)
                ? await ListAsync(client, method, context.Arguments["parameters"], cancellationToken)
                : Checked(method, await SendAsync(client, method, context.Arguments["parameters"], cancellationToken));
        }
        catch (McpException error)
        {
            throw new FlowFaultException(FlowErrors.Runtime($"The MCP server refused {method}: {error.Message}"));
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw new FlowFaultException(FlowErrors.Communication($"The MCP server cannot be reached: {error.Message}", 503, "Service Unavailable"));
        }
    }

    private async Task<IClientTransport> TransportAsync(CallContext context, CancellationToken cancellationToken)
    {
        var transport = context.Arguments["transport"];
        if (transport.TryGetField("stdio", out var stdio))
        {
            if (!host.Policy.AllowMcpProcess)
            {
                throw new FlowFaultException(FlowErrors.Configuration("The settings do not allow flows to start MCP servers as processes. Whoever runs this installation can allow it with Flows:Allow."));
            }
            return new StdioClientTransport(new StdioClientTransportOptions
            {
                Command = stdio["command"].GetString(),
                Arguments = stdio["arguments"].Kind == JqKind.Array ? [.. stdio["arguments"].EnumerateArray().Select(a => a.TryGetString(out var text) ? text : a.ToJson())] : [],
                EnvironmentVariables = stdio["environment"].Kind == JqKind.Object ? stdio["environment"].EnumerateObject().ToDictionary(e => e.Key, string? (e) => e.Value.TryGetString(out var text) ? text : e.Value.ToJson()) : [],
            }, host.Logging);
        }
        var headers = transport["http"]["headers"].Kind == JqKind.Object
            ? transport["http"]["headers"].EnumerateObject().ToDictionary(h => h.Key, h => h.Value.TryGetString(out var text) ? text : h.Value.ToJson())
            : [];
        if (await authenticator.HeaderAsync(context.Authentication, cancellationToken) is { } authorization)
        {
            headers["Authorization"] = authorization.ToString();
        }
        headers["Idempotency-Key"] = context.Call.IdempotencyKey;
        return new HttpClientTransport(new HttpClientTransportOptions { Endpoint = HttpCalls.Address(context.Required("uri"), JqValue.Null), AdditionalHeaders = headers },
            new HttpClient(http.Handler, disposeHandler: false), host.Logging, ownsHttpClient: true);
    }

    /// <summary>All pages as one result.</summary>
    private static async Task<JqValue> ListAsync(McpClient client, string method, JqValue parameters, CancellationToken cancellationToken)
    {
        var items = new List<JqValue>();
        var member = "";
        for (var page = 0; page < MaxPages; page++)
        {
            var result = await SendAsync(client, method, parameters, cancellationToken);
            var list = result.EnumerateObject().First(p => p.Value.Kind == JqKind.Array);
            member = list.Key;
            items.AddRange(list.Value.EnumerateArray());
            if (!result["nextCursor"].TryGetString(out var cursor))
            {
                return JqValue.FromObject(result.EnumerateObject().Where(p => p.Key != member).Append(new(member, JqValue.FromArray(items))));
            }
            parameters = JqValue.FromObject((parameters.Kind == JqKind.Object ? parameters.EnumerateObject() : []).Append(new("cursor", cursor)));
        }
        throw new FlowFaultException(FlowErrors.Communication($"The MCP server gives more than {MaxPages} pages of {member}."));
    }

    private static async Task<JqValue> SendAsync(McpClient client, string method, JqValue parameters, CancellationToken cancellationToken)
    {
        var response = await client.SendRequestAsync(new JsonRpcRequest { Method = method, Params = (parameters.Kind == JqKind.Object ? parameters : JqValue.FromObject([])).ToJsonNode() }, cancellationToken);
        return JqValue.From(response.Result);
    }

    private static JqValue Checked(string method, JqValue result) => method == "tools/call" && result["isError"].IsTruthy
        ? throw new FlowFaultException(FlowErrors.Runtime($"The MCP tool failed: {string.Join(" ", result["content"].EnumerateArray().Select(c => c["text"].TryGetString(out var text) ? text : ""))}"))
        : result;
}
