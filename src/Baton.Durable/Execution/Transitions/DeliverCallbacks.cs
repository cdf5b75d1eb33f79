using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Nexus;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using CallbackState = Temporalio.Api.Enums.V1.CallbackState;
using State = Baton.Durable.State;

namespace Baton.Durable.Execution.Transitions;

/// <summary>An execution that others may ask to be told of when it closes: a workflow run, a standalone activity.</summary>
internal interface ICallbackSource
{
    RepeatedField<State.CallbackState> Callbacks { get; }

    Entity Entity { get; }

    EngineCore Core { get; }

    /// <summary>How it ended, or how the update that the callback waits for did. Asked only when it has.</summary>
    NexusCompletion GetCompletion(State.CallbackState callback);
}

/// <summary>
/// Completion callbacks of an execution that closed. Those to operations of this server take effect in the same commit; those to outside
/// servers are sent by HTTP, again while they fail, and keep the execution from being forgotten until they have arrived or were refused.
/// </summary>
internal static class DeliverCallbacks
{
    private const int MaxUrl = 1000;
    private const int MaxHeader = 8192;

    /// <exception cref="ServiceException">INVALID_ARGUMENT: a callback could never be delivered.</exception>
    public static void Require(IReadOnlyCollection<Callback> callbacks, EngineLimits limits)
    {
        if (callbacks.Count > limits.Callbacks)
        {
            throw ServiceErrors.InvalidArgument($"cannot attach more than {limits.Callbacks} callbacks to a workflow");
        }

        foreach (var callback in callbacks)
        {
            if (callback.Nexus is not { } nexus)
            {
                throw ServiceErrors.InvalidArgument($"unknown callback variant: {callback.VariantCase}");
            }

            if (nexus.Url.Length > MaxUrl)
            {
                throw ServiceErrors.InvalidArgument($"invalid url: url length longer than max length allowed of {MaxUrl}");
            }

            if (nexus.Url != NexusCallbackTokens.Url
                && !(Uri.TryCreate(nexus.Url, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)))
            {
                throw ServiceErrors.InvalidArgument($"invalid url: unknown scheme, expected http, https or {NexusCallbackTokens.Url}: {nexus.Url}");
            }

            if (nexus.Header.Sum(static header => header.Key.Length + header.Value.Length) > MaxHeader)
            {
                throw ServiceErrors.InvalidArgument($"invalid header: header size longer than max allowed size of {MaxHeader}");
            }
        }
    }

    /// <param name="requestId">Of the request that brings them.</param>
    /// <param name="updateId">Of the workflow update that they wait for; empty for the end of the execution.</param>
    public static void Add(Step step, RepeatedField<State.CallbackState> known, IEnumerable<Callback> callbacks, string requestId, string updateId = "") =>
        known.AddRange(callbacks.Select(callback => new State.CallbackState
        {
            Callback = callback.ToByteString(),
            RequestId = requestId,
            RegistrationTime = step.Now,
            State = (int)CallbackState.Standby,
            UpdateId = updateId,
        }));

    /// <param name="isFollowed">Another run follows, and takes over the callbacks that wait for the end.</param>
    public static void OnClose(Step step, ICallbackSource source, bool isFollowed = false) =>
        Deliver(step, source, callback => !isFollowed || callback.UpdateId.Length > 0);

    public static void OnUpdateCompleted(Step step, WorkflowRun run, string updateId) => Deliver(step, run, callback => callback.UpdateId == updateId);

    /// <summary>Some callback waits for its next attempt or for the answer to one.</summary>
    public static bool IsPending(RepeatedField<State.CallbackState> callbacks) => callbacks.Any(static callback => callback.NextAttemptTime > 0);

    /// <summary>Some callback is on its way.</summary>
    public static bool IsSending(RepeatedField<State.CallbackState> callbacks) => callbacks.Any(static callback => callback.State == (int)CallbackState.Scheduled);

    public static long NextWake(RepeatedField<State.CallbackState> callbacks) =>
        callbacks.Aggregate(0L, static (next, callback) => Instant.Earlier(next, callback.NextAttemptTime));

    public static void Wake(Step step, ICallbackSource source)
    {
        for (var index = 0; index < source.Callbacks.Count; index++)
        {
            var callback = source.Callbacks[index];
            if (!NexusClock.Is(callback.NextAttemptTime, step.Now))
            {
                continue;
            }

            if (callback.State == (int)CallbackState.Scheduled)
            {
                // Its answer never came: the server was down, or the other side took too long.
                Failed(step, source, callback, "request timed out", isRetryable: true);
            }
            else
            {
                Send(step, source, index, source.GetCompletion(callback));
            }
        }
    }

    /// <summary>An attempt was answered.</summary>
    /// <param name="problem">Null when it was taken.</param>
    public static void Answered(Step step, ICallbackSource source, int index, int attempt, string? problem, bool isRetryable)
    {
        var callback = source.Callbacks[index];
        if (callback.State != (int)CallbackState.Scheduled || callback.Attempt != attempt)
        {
            return;
        }

        if (problem is not null)
        {
            Failed(step, source, callback, problem, isRetryable);
            return;
        }

        callback.State = (int)CallbackState.Succeeded;
        callback.NextAttemptTime = 0;
        callback.LastAttemptCompleteTime = step.Now;
        callback.LastFailure = ByteString.Empty;
        step.Touch(source.Entity);
    }

    private static void Deliver(Step step, ICallbackSource source, Func<State.CallbackState, bool> isMeant)
    {
        for (var index = 0; index < source.Callbacks.Count; index++)
        {
            var callback = source.Callbacks[index];
            if (callback.State != (int)CallbackState.Standby || !isMeant(callback))
            {
                continue;
            }

            var nexus = Callback.Parser.ParseFrom(callback.Callback).Nexus;
            var completion = source.GetCompletion(callback);
            callback.Attempt = 1;
            if (nexus.Url == NexusCallbackTokens.Url)
            {
                Complete(step, callback, nexus, completion);
                step.Touch(source.Entity);
            }
            else
            {
                Send(step, source, index, completion);
            }
        }
    }

    private static void Complete(Step step, State.CallbackState callback, Callback.Types.Nexus nexus, NexusCompletion completion)
    {
        var token = NexusCallbackTokens.Parse(NexusCallbackTokens.Find(nexus.Header, NexusCallbackTokens.Header));
        var isDone = token is not null && completion.TryComplete(step, token, NexusCallbackTokens.Find(nexus.Header, NexusCallbackTokens.OperationTokenHeader));
        callback.State = (int)(isDone ? CallbackState.Succeeded : CallbackState.Failed);
        callback.LastAttemptCompleteTime = step.Now;
        callback.LastFailure = isDone ? ByteString.Empty : Problem("handler error (NOT_FOUND): operation not found", isRetryable: false);
    }

    private static void Send(Step step, ICallbackSource source, int index, NexusCompletion completion)
    {
        var callback = source.Callbacks[index];
        callback.State = (int)CallbackState.Scheduled;

        // Should the answer be lost with the process, this wakes the execution.
        callback.NextAttemptTime = step.Now + NexusClock.RequestTimeout + Instant.Second;
        step.Touch(source.Entity);
        source.Core.Outbound?.Deliver(step, source, index, Callback.Parser.ParseFrom(callback.Callback).Nexus, callback.Attempt, completion);
    }

    private static void Failed(Step step, ICallbackSource source, State.CallbackState callback, string problem, bool isRetryable)
    {
        callback.State = (int)(isRetryable ? CallbackState.BackingOff : CallbackState.Failed);
        callback.NextAttemptTime = isRetryable ? step.Now + NexusClock.Backoff(callback.Attempt) : 0;
        callback.Attempt += isRetryable ? 1 : 0;
        callback.LastAttemptCompleteTime = step.Now;
        callback.LastFailure = Problem(problem, isRetryable);
        step.Touch(source.Entity);
    }

    private static ByteString Problem(string message, bool isRetryable) => new Failure
    {
        Message = message,
        ApplicationFailureInfo = new ApplicationFailureInfo { NonRetryable = !isRetryable },
    }.ToByteString();
}
