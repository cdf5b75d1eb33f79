using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Nexus.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;
using Link = Temporalio.Api.Common.V1.Link;

namespace Baton.Durable.Nexus;

/// <summary>
/// Nexus over HTTP, as a client: start and cancel requests to endpoints outside of this server, and completion callbacks. A call begins
/// after the commit that decided on it; its answer comes back as a command. One whose answer is lost with the process is made again when its
/// time is up, which is what the operation's request id is for.
/// </summary>
internal sealed class NexusHttp : IAsyncDisposable
{
    private readonly DurableEngine engine;
    private readonly HttpClient client;
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource<string?> callbackUrl = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public NexusHttp(DurableEngine engine)
    {
        this.engine = engine;
        client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectCallback = Connect })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = engine.Limits.BlobSize + (64 * 1024),
        };
    }

    /// <summary>Calls begin once it is known where their callbacks can reach this server.</summary>
    /// <param name="baseUrl">Null when they cannot: then only operations that are answered at once complete.</param>
    /// <param name="forWorkers">Workers call back there too.</param>
    public void Listening(string? baseUrl, bool forWorkers)
    {
        engine.Core.WorkerCallbackUrl = forWorkers ? baseUrl : null;
        callbackUrl.TrySetResult(baseUrl);
    }

    public void Start(Step step, INexusCaller caller, NexusOperationState operation, string url)
    {
        var (scheduled, snapshot, now, space) = (caller.ScheduledEvent(operation), operation.Clone(), step.Now, caller.Namespace.Name);
        step.AfterCommit(() => _ = RunAsync<Answer>(async () =>
        {
            var callbacks = await callbackUrl.Task.WaitAsync(stop.Token);
            var request = NexusRequests.Start(caller, snapshot, scheduled(), now);
            var start = request.StartOperation;
            start.Callback = callbacks is null ? start.Callback : NexusCallbackTokens.HttpUrl(callbacks, space);
            using var message = new HttpRequestMessage(
                HttpMethod.Post, $"{Target(url, start.Service, start.Operation)}?callback={Uri.EscapeDataString(start.Callback)}") { Content = NexusContent.Of(start.Payload) };
            message.Headers.TryAddWithoutValidation(NexusWire.RequestId, start.RequestId);
            AddHeaders(message, request.Header);
            foreach (var (key, value) in start.CallbackHeader)
            {
                message.Headers.TryAddWithoutValidation(NexusWire.CallbackPrefix + key, value);
            }

            message.Headers.TryAddWithoutValidation(NexusWire.Link, NexusWire.Format(start.Links));
            return await Exchange(message, snapshot.AttemptDeadline - now, StartAnswer);
        },
        (answering, answer) =>
        {
            if (Find(answering, caller.Entity.RunKey, snapshot) is ({ } current, { } live) && NexusClock.IsAttempting(live) && live.Attempt == snapshot.Attempt)
            {
                answer(answering, current, live);
            }
        },
        static failure => (answering, current, live) => AttemptNexusOperation.Failed(answering, current, live, failure)));
    }

    public void Cancel(Step step, INexusCaller caller, NexusOperationState operation, string url)
    {
        var (snapshot, now) = (operation.Clone(), step.Now);
        step.AfterCommit(() => _ = RunAsync<Answer>(async () =>
        {
            var request = NexusRequests.Cancel(snapshot, now);
            using var message = new HttpRequestMessage(HttpMethod.Post, Target(url, snapshot.Service, snapshot.Operation) + "/cancel");
            message.Headers.TryAddWithoutValidation(NexusWire.OperationToken, snapshot.OperationToken);
            AddHeaders(message, request.Header);
            return await Exchange(message, snapshot.CancelAttemptDeadline - now, CancelAnswer);
        },
        (answering, answer) =>
        {
            if (Find(answering, caller.Entity.RunKey, snapshot) is ({ } current, { } live) && NexusClock.IsCancelAttempting(live) && live.CancelAttempt == snapshot.CancelAttempt)
            {
                answer(answering, current, live);
            }
        },
        static failure => (answering, current, live) => CancelNexusOperation.Failed(answering, current, live, failure)));
    }

    public void Deliver(Step step, ICallbackSource source, int index, Callback.Types.Nexus callback, int attempt, NexusCompletion completion) =>
        step.AfterCommit(() => _ = RunAsync<(string? Problem, bool IsRetryable)>(async () =>
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, callback.Url)
            {
                Content = completion.Failure is { } failure ? NexusContent.Of(NexusFailures.ToNexus(failure)) : NexusContent.Of(completion.Result),
            };
            AddHeaders(message, callback.Header);
            message.Headers.TryAddWithoutValidation(NexusWire.OperationState, completion.State);
            message.Headers.TryAddWithoutValidation(NexusWire.OperationStartTime, Instant.ToDateTimeOffset(completion.StartTime).ToString("R"));
            message.Headers.TryAddWithoutValidation(NexusWire.OperationCloseTime, Instant.ToDateTimeOffset(completion.CloseTime).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"));
            if (completion.Link is { } link && NexusLinkCodec.ToNexus(link) is { } carried)
            {
                message.Headers.TryAddWithoutValidation(NexusWire.Link, NexusWire.Format([carried]));
            }

            return await Exchange(message, NexusClock.RequestTimeout, static (response, body) => ((int)response.StatusCode is >= 200 and < 300
                ? null
                : $"unexpected response status: {(int)response.StatusCode} {response.ReasonPhrase}", IsRetryable(response.StatusCode)));
        },
        (answering, answer) =>
        {
            if (answering.Load<Entity>(source.Entity.RunKey) is ICallbackSource current && index < current.Callbacks.Count)
            {
                DeliverCallbacks.Answered(answering, current, index, attempt, answer.Problem, answer.IsRetryable);
            }
        },
        static failure => (failure.Message, true)));

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        client.Dispose();
        stop.Dispose();
    }

    private delegate void Answer(Step step, INexusCaller caller, NexusOperationState operation);

    private static Answer StartAnswer(HttpResponseMessage response, byte[] body)
    {
        var links = response.Headers.TryGetValues(NexusWire.Link, out var values) ? NexusLinkCodec.FromNexus(NexusWire.ParseLinks(values)) : [];
        switch ((int)response.StatusCode)
        {
            case 200:
                var result = NexusContent.ToPayload(response.Content.Headers.ContentType, body);
                return (step, caller, operation) => EndNexusOperation.Complete(step, caller, operation, result, links);
            case 201:
                var token = OperationToken(body);
                return (step, caller, operation) => AttemptNexusOperation.Started(step, caller, operation, token, links);
            case NexusWire.Unsuccessful:
                var state = response.Headers.TryGetValues(NexusWire.OperationState, out var states) ? states.First() : "failed";
                var cause = NexusFailures.OfState(state, NexusContent.ToFailure(body));
                return (step, caller, operation) => EndNexusOperation.Unsuccessful(step, caller, operation, cause);
            default:
                var failure = HandlerFailure(response, body);
                return (step, caller, operation) => AttemptNexusOperation.Failed(step, caller, operation, failure);
        }
    }

    private static Answer CancelAnswer(HttpResponseMessage response, byte[] body)
    {
        if ((int)response.StatusCode is >= 200 and < 300)
        {
            return CancelNexusOperation.Succeeded;
        }

        var failure = HandlerFailure(response, body);
        return (step, caller, operation) => CancelNexusOperation.Failed(step, caller, operation, failure);
    }

    private static Failure HandlerFailure(HttpResponseMessage response, byte[] body)
    {
        var retry = response.Headers.TryGetValues(NexusWire.Retryable, out var values)
            ? values.First() == "true"
                ? Temporalio.Api.Enums.V1.NexusHandlerErrorRetryBehavior.Retryable
                : Temporalio.Api.Enums.V1.NexusHandlerErrorRetryBehavior.NonRetryable
            : default;
        var failure = NexusContent.ToFailure(body);
        return NexusFailures.OfHandler(
            NexusWire.ErrorType((int)response.StatusCode), failure.Message.Length > 0 ? failure.Message : $"unexpected response status: {(int)response.StatusCode}", NexusFailures.FromNexus(failure, retryable: true), retry);
    }

    private static string OperationToken(byte[] body)
    {
        using var json = JsonDocument.Parse(body);
        return json.RootElement.TryGetProperty("token", out var token) || json.RootElement.TryGetProperty("id", out token) ? token.GetString() ?? "" : "";
    }

    private static string Target(string url, string service, string operation) =>
        $"{url.TrimEnd('/')}/{Uri.EscapeDataString(service)}/{Uri.EscapeDataString(operation)}";

    private static void AddHeaders(HttpRequestMessage message, IEnumerable<KeyValuePair<string, string>> headers)
    {
        foreach (var (key, value) in headers)
        {
            message.Headers.TryAddWithoutValidation(key, value);
        }
    }

    private static bool IsRetryable(HttpStatusCode status) => (int)status is >= 500 and not 501 or 408 or 429;

    private static (INexusCaller? Caller, NexusOperationState? Operation) Find(Step step, long runKey, NexusOperationState snapshot) =>
        step.Load<Entity>(runKey) is INexusCaller { IsRunning: true } caller && caller.FindOperation(snapshot.ScheduledEventId) is { } operation
            ? (caller, operation)
            : (null, null);

    /// <summary>Link-local addresses, where clouds keep the secrets of their machines, are never called.</summary>
    private static async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
        var allowed = addresses.Where(static address => !IsLinkLocal(address)).ToArray();
        if (allowed.Length == 0)
        {
            throw new HttpRequestException($"The address of {context.DnsEndPoint.Host} is link-local, which Nexus calls may not reach.");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static bool IsLinkLocal(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return plain.IsIPv6LinkLocal || (plain.AddressFamily == AddressFamily.InterNetwork && plain.GetAddressBytes() is [169, 254, ..]);
    }

    private async Task<T> Exchange<T>(HttpRequestMessage message, long timeout, Func<HttpResponseMessage, byte[], T> read)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromTicks(Math.Max(Instant.Millisecond, timeout)), engine.Clock.Wall);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop.Token);
        try
        {
            using var response = await client.SendAsync(message, either.Token);
            return read(response, await response.Content.ReadAsByteArrayAsync(either.Token));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new HttpRequestException("request timed out");
        }
    }

    /// <summary>Makes a call and brings its answer to the loop; whatever goes wrong on the way is a retryable failure.</summary>
    private async Task RunAsync<T>(Func<Task<T>> call, Action<Step, T> apply, Func<Failure, T> onFailure)
    {
        T answer;
        try
        {
            answer = await call();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or SocketException or JsonException
            or InvalidOperationException or ObjectDisposedException or Google.Protobuf.InvalidProtocolBufferException or Storage.StoreException)
        {
            if (stop.IsCancellationRequested)
            {
                return;
            }

            answer = onFailure(new Failure { Message = e.Message, ServerFailureInfo = new ServerFailureInfo() });
        }

        engine.Post(step => apply(step, answer));
    }
}
