using System.Text.Json;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Schedules;
using Baton.Durable.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Temporalio.Api.Nexus.V1;
using NexusFailure = Temporalio.Api.Nexus.V1.Failure;

namespace Baton.Durable.Nexus;

/// <summary>
/// Nexus over HTTP, as a server: callers outside of it start and cancel operations of its workers, and outside handlers tell how operations
/// ended that workflows here wait for. The routes are those of a Temporal server.
/// </summary>
/// <remarks>
/// A completion needs no API key: the token in its header, which only the handler of the operation was given, says what it may complete.
/// </remarks>
internal sealed class NexusHttpServer(DurableEngine engine, NexusHttp outbound)
{
    private const string ByEndpoint = "/nexus/endpoints/{endpoint}/services/{service}/{operation}";
    private const string ByQueue = "/namespaces/{namespace}/task-queues/{queue}/nexus-services/{service}/{operation}";
    private const string ContentPrefix = "Content-";
    private const string FailureSource = "Temporal-Nexus-Failure-Source";
    private const string TemporalFailures = "Temporal-Nexus-Failure-Support";
    private static readonly TimeSpan defaultTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan maxTimeout = TimeSpan.FromMinutes(1);

    public void Map(IEndpointRouteBuilder endpoints, ApiKeyRing keys)
    {
        foreach (var route in new[] { ByEndpoint, ByQueue })
        {
            endpoints.MapPost(route, context => ServeAsync(context, keys, StartAsync));
            endpoints.MapPost(route + "/cancel", context => ServeAsync(context, keys, CancelAsync));

            // Clients of before there were tokens.
            endpoints.MapPost(route + "/{token}/cancel", context => ServeAsync(context, keys, CancelAsync));
        }

        foreach (var route in new[] { "/nexus/callback", "/namespaces/{namespace}/nexus/callback" })
        {
            endpoints.MapPost(route, context => ServeAsync(context, keys: null, CompleteAsync));
        }
    }

    /// <param name="baseUrl">Where outside handlers reach the routes, null when they cannot.</param>
    public void Listening(string? baseUrl, bool forWorkers) => outbound.Listening(baseUrl, forWorkers);

    private async Task ServeAsync(HttpContext context, ApiKeyRing? keys, Func<HttpContext, Task> serve)
    {
        try
        {
            if (keys is { IsOpen: false })
            {
                context.Features.Set(await keys.IdentifyAsync(context.Request.Headers.Authorization, context.RequestAborted)
                    ?? throw new RefusedException("UNAUTHENTICATED", "send a valid API key as 'authorization: Bearer KEY'"));
            }

            await serve(context);
        }
        catch (RefusedException refused)
        {
            await RefuseAsync(context, refused.Type, new NexusFailure { Message = refused.Message });
        }
        catch (Exception unavailable) when (unavailable is ServiceException or StoreException)
        {
            await RefuseAsync(context, "UNAVAILABLE", new NexusFailure { Message = unavailable.Message });
        }
    }

    private async Task StartAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var request = NewRequest(context, out var timeout);
        request.StartOperation = new StartOperationRequest
        {
            Service = Route(context, "service"),
            Operation = Route(context, "operation"),
            RequestId = Header(context, NexusWire.RequestId) is { Length: > 0 } id ? id : Guid.NewGuid().ToString("D"),
            Callback = query["callback"].ToString(),
            Payload = NexusContent.ToPayload(ContentType(context), await BodyAsync(context)),
            Links = { NexusWire.ParseLinks(context.Request.Headers[NexusWire.Link]) },
        };
        foreach (var (name, value) in context.Request.Headers.Where(static header => header.Key.StartsWith(NexusWire.CallbackPrefix, StringComparison.OrdinalIgnoreCase)))
        {
            request.StartOperation.CallbackHeader[Lower(name[NexusWire.CallbackPrefix.Length..])] = value.ToString();
        }

        var answer = await SendAsync(context, request, timeout);
        switch (answer.Response?.StartOperation)
        {
            case { SyncSuccess: { } success }:
                Links(context, success.Links);
                await WriteAsync(context, StatusCodes.Status200OK, NexusContent.Of(success.Payload));
                break;
            case { AsyncSuccess: { } started }:
                Links(context, started.Links);
                var token = started.OperationToken.Length > 0 ? started.OperationToken : started.OperationId;
                await WriteAsync(context, StatusCodes.Status201Created, NexusContent.OfStarted(token));
                break;
            case { OperationError: { } error }:
                await UnsuccessfulAsync(context, error.OperationState, error.Failure ?? new NexusFailure());
                break;
            case { Failure: { } failure }:
                await UnsuccessfulAsync(context, failure.CanceledFailureInfo is null ? "failed" : NexusFailures.Canceled, NexusFailures.ToNexus(failure));
                break;
            default:
                await FailedAsync(context, answer);
                break;
        }
    }

    private async Task CancelAsync(HttpContext context)
    {
        var request = NewRequest(context, out var timeout);
        var token = Header(context, NexusWire.OperationToken) is { Length: > 0 } header ? header
            : Route(context, "token") is { Length: > 0 } segment ? segment
            : context.Request.Query["token"].ToString();
        if (token.Length == 0)
        {
            throw new RefusedException("BAD_REQUEST", "operation token not set: it comes in the header Nexus-Operation-Token, or as the query parameter token");
        }

        request.CancelOperation = new CancelOperationRequest { Service = Route(context, "service"), Operation = Route(context, "operation"), OperationToken = token, OperationId = token };
        var answer = await SendAsync(context, request, timeout);
        if (answer.Response?.CancelOperation is not null)
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }

        await FailedAsync(context, answer);
    }

    private async Task CompleteAsync(HttpContext context)
    {
        var token = NexusCallbackTokens.Parse(Header(context, NexusCallbackTokens.Header))
            ?? throw new RefusedException("BAD_REQUEST", $"invalid callback token: the header {NexusCallbackTokens.Header} of the start request comes back unchanged");
        if (context.Request.RouteValues.ContainsKey("namespace") && Space(context).Id != token.NamespaceId)
        {
            throw new RefusedException("BAD_REQUEST", "the callback token is of another namespace");
        }

        var state = Header(context, NexusWire.OperationState);
        var body = await BodyAsync(context);
        var completion = new NexusCompletion
        {
            Result = state == "succeeded" ? NexusContent.ToPayload(ContentType(context), body) : null,
            Failure = state switch
            {
                "succeeded" => null,
                "failed" or NexusFailures.Canceled => NexusFailures.OfState(state, NexusContent.ToFailure(body)),
                _ => throw new RefusedException("BAD_REQUEST", $"invalid operation state '{state}' in the header {NexusWire.OperationState}: succeeded, failed or canceled"),
            },
            StartTime = DateTimeOffset.TryParse(Header(context, NexusWire.OperationStartTime), System.Globalization.CultureInfo.InvariantCulture, out var start) ? Instant.From(start) : 0,
            Link = NexusWire.ParseLinks(context.Request.Headers[NexusWire.Link]).Select(NexusLinkCodec.FromNexus).FirstOrDefault(),
        };
        var operationToken = Header(context, NexusWire.OperationToken) is { Length: > 0 } given ? given : Header(context, "Nexus-Operation-Id");
        if (!await engine.Run(step => completion.TryComplete(step, token, operationToken)))
        {
            throw new RefusedException("NOT_FOUND", "operation not found, or it has ended");
        }
    }

    private Request NewRequest(HttpContext context, out TimeSpan timeout)
    {
        timeout = defaultTimeout;
        if (Header(context, NexusRequests.RequestTimeoutHeader) is { Length: > 0 } text)
        {
            if (!GoDuration.TryParse(text, out timeout) || timeout <= TimeSpan.Zero)
            {
                throw new RefusedException("BAD_REQUEST", $"invalid request timeout '{text}': it is a number with a unit, such as 500ms or 5s");
            }

            timeout = timeout < maxTimeout ? timeout : maxTimeout;
        }

        var request = new Request
        {
            ScheduledTime = Instant.ToTimestamp(engine.Clock.Now()),
            Capabilities = new() { TemporalFailureResponses = Header(context, TemporalFailures) == "true" },
        };
        foreach (var (name, value) in context.Request.Headers)
        {
            if (!name.StartsWith(ContentPrefix, StringComparison.OrdinalIgnoreCase) && !name.StartsWith(NexusWire.CallbackPrefix, StringComparison.OrdinalIgnoreCase)
                && !name.Equals("Authorization", StringComparison.OrdinalIgnoreCase) && !name.StartsWith(':'))
            {
                request.Header[Lower(name)] = value.ToString();
            }
        }

        request.Header[NexusRequests.RequestTimeoutHeader] = NexusRequests.Milliseconds(timeout.Ticks);
        return request;
    }

    private async Task<NexusAnswer> SendAsync(HttpContext context, Request request, TimeSpan timeout)
    {
        var (space, queue) = Target(context, request);
        if (context.Features.Get<DurableCaller>()?.May(space.Name, DurableAccess.Write) == false)
        {
            throw new RefusedException("UNAUTHORIZED", "permission denied");
        }

        return await NexusInbound.SendAsync(engine, space.Id, queue, request, timeout, context.RequestAborted);
    }

    private (NamespaceEntry Space, string Queue) Target(HttpContext context, Request request)
    {
        if (!context.Request.RouteValues.ContainsKey("endpoint"))
        {
            return (Space(context), Route(context, "queue"));
        }

        var id = Route(context, "endpoint");
        if (!engine.Core.Endpoints.TryResolve(id, id, out var endpoint))
        {
            throw new RefusedException("NOT_FOUND", "nexus endpoint not found");
        }

        request.Endpoint = endpoint.Spec.Name;
        return endpoint.Spec.Target.Worker is { } worker && engine.Core.Namespaces.TryGet(worker.Namespace, out var space)
            ? (space, worker.TaskQueue)
            : throw new RefusedException("BAD_REQUEST", "the endpoint leads to no worker of this server");
    }

    private NamespaceEntry Space(HttpContext context) =>
        engine.Core.Namespaces.TryGet(Route(context, "namespace"), out var space) ? space : throw new RefusedException("NOT_FOUND", $"Namespace {Route(context, "namespace")} is not found.");

    private async Task<byte[]> BodyAsync(HttpContext context)
    {
        var limit = engine.Limits.BlobSize;
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and var read)
        {
            body.Write(buffer, 0, read);
            if (body.Length > limit)
            {
                throw new RefusedException("BAD_REQUEST", $"input exceeds size limit: more than {limit} bytes");
            }
        }

        return body.ToArray();
    }

    private static Task FailedAsync(HttpContext context, NexusAnswer answer)
    {
        if (answer is { Error: null, Failure: null })
        {
            return answer.Response is null
                ? RefuseAsync(context, "UPSTREAM_TIMEOUT", new NexusFailure { Message = "upstream timeout" })
                : RefuseAsync(context, "INTERNAL", new NexusFailure { Message = "the worker's answer has no outcome" });
        }

        context.Response.Headers[FailureSource] = "worker";
        var (type, retry, failure) = answer.Error is { } error
            ? (error.ErrorType, error.RetryBehavior, error.Failure ?? new NexusFailure())
            : (answer.Failure!.NexusHandlerFailureInfo?.Type ?? "INTERNAL", answer.Failure.NexusHandlerFailureInfo?.RetryBehavior ?? default, NexusFailures.ToNexus(answer.Failure));
        if (retry != default)
        {
            context.Response.Headers[NexusWire.Retryable] = retry == Temporalio.Api.Enums.V1.NexusHandlerErrorRetryBehavior.Retryable ? "true" : "false";
        }

        return RefuseAsync(context, type, failure);
    }

    private static Task UnsuccessfulAsync(HttpContext context, string state, NexusFailure failure)
    {
        context.Response.Headers[FailureSource] = "worker";
        context.Response.Headers[NexusWire.OperationState] = state;
        return WriteAsync(context, NexusWire.Unsuccessful, NexusContent.Of(failure));
    }

    private static Task RefuseAsync(HttpContext context, string type, NexusFailure failure) => WriteAsync(context, NexusWire.Status(type), NexusContent.Of(failure));

    private static async Task WriteAsync(HttpContext context, int status, HttpContent content)
    {
        using (content)
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = content.Headers.ContentType?.ToString();
            await content.CopyToAsync(context.Response.Body, context.RequestAborted);
        }
    }

    private static void Links(HttpContext context, IReadOnlyCollection<Link> links)
    {
        if (links.Count > 0)
        {
            context.Response.Headers[NexusWire.Link] = NexusWire.Format(links);
        }
    }

    private static System.Net.Http.Headers.MediaTypeHeaderValue? ContentType(HttpContext context) =>
        System.Net.Http.Headers.MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) ? type : null;

    private static string Header(HttpContext context, string name) => context.Request.Headers[name].ToString();

    // A slash within a segment arrives escaped.
    private static string Route(HttpContext context, string name) => (context.Request.RouteValues[name] as string ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

#pragma warning disable CA1308 // Nexus writes the names of headers in lower case
    private static string Lower(string name) => name.ToLowerInvariant();
#pragma warning restore CA1308

    /// <summary>A request that cannot be served, with Nexus's type of handler error.</summary>
    private sealed class RefusedException(string type, string message) : Exception(message)
    {
        public string Type => type;
    }
}
