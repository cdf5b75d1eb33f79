using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Baton.Durable.Hosting;

/// <summary>What a handler may know of the call beside its request. Valid until the handler's task ends.</summary>
internal sealed class CallContext(ServerCallContext call, TimeProvider clock)
{
    private HttpContext? http;

    /// <summary>Cancelled when the client is gone or its deadline passed; nobody reads the answer then.</summary>
    public CancellationToken CancellationToken => call.CancellationToken;

    /// <summary>When the client stops waiting, by <see cref="Clock"/>. Null when it waits for ever.</summary>
    public DateTimeOffset? Deadline => call.Deadline == DateTime.MaxValue ? null : new DateTimeOffset(DateTime.SpecifyKind(call.Deadline, DateTimeKind.Utc));

    /// <summary>The clock that deadlines are on: real time, also where the engine skips time.</summary>
    public TimeProvider Clock => clock;

    /// <summary>Method without its service, such as <c>StartWorkflowExecution</c>.</summary>
    public string Method => call.Method[(call.Method.LastIndexOf('/') + 1)..];

    /// <summary>SDK of the caller, such as <c>temporal-typescript</c>; empty when it does not say.</summary>
    public string ClientName => Header("client-name");

    public string ClientVersion => Header("client-version");

    /// <summary>Address and port of the caller.</summary>
    public string Peer => $"{Http.Connection.RemoteIpAddress}:{Http.Connection.RemotePort}";

    /// <summary>Name of the API key or subject of the client certificate; null where neither is asked for.</summary>
    public string? Principal => Caller?.Name ?? Http.Connection.ClientCertificate?.Subject;

    /// <summary>Who the request gate found the caller to be; null where it asks nobody.</summary>
    public DurableCaller? Caller => Http.Features.Get<DurableCaller>();

    public string Header(string name) => Http.Request.Headers.TryGetValue(name, out var values) ? values.ToString() : "";

    private HttpContext Http => http ??= call.GetHttpContext();
}
