using System.Text.Json.Serialization;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// All that the interpreter needs of the world. Two implementations: durable execution (every answer is recorded and
/// the same on replay) and memory (time skipped, calls answered by fakes). Everything is called from one logical
/// thread, and the interpreter never leaves it: it awaits nothing but these members and its own tasks.
/// </summary>
internal interface IFlowRuntime
{
    DateTimeOffset UtcNow { get; }

    /// <summary>A number from 0 to below 1.</summary>
    double NextDouble();

    /// <summary>A new UUID.</summary>
    string NewId();

    /// <summary>Length of the run's history, 0 where there is none.</summary>
    int Mark { get; }

    /// <summary>True when the run has become so long that it should be cut at the next safe point.</summary>
    bool ShouldContinue { get; }

    /// <summary>Waits until the condition holds.</summary>
    /// <returns>False if the time was over first; null is no bound.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    Task<bool> WaitAsync(Func<bool> condition, TimeSpan? timeout, CancellationToken cancellationToken);

    /// <exception cref="FlowFaultException">The call failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, and its clean-up is done.</exception>
    Task<FlowAnswer> CallAsync(FlowCall call, CancellationToken cancellationToken);

    /// <summary>Runs another flow; if it is not awaited, returns once it has started.</summary>
    Task<JqValue> RunFlowAsync(SubflowCall call, CancellationToken cancellationToken);

    /// <summary>Runs an activity of any worker by its name.</summary>
    Task<JqValue> RunActivityAsync(JqValue arguments, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Tells those who trace that a part of the run begins; what is called from here on in the same asynchronous flow belongs to it.</summary>
    /// <returns>Takes the outcome and the error when it ends.</returns>
    Action<string, FlowError?> Trace(FlowPart part);
}

/// <summary>What came of a call.</summary>
/// <param name="Token">What the answer will carry if it comes later; otherwise null.</param>
internal readonly record struct FlowAnswer(JqValue Value, string? Token = null);

/// <summary>A task being executed, or one attempt of a try.</summary>
/// <param name="Seed">The same whenever the run is replayed or goes on elsewhere, and different for every other part of it.</param>
internal sealed record FlowPart(FlowTask Task, string Seed, DateTimeOffset StartedAt, int? Attempt = null);

/// <summary>A step that leaves the flow: carried out in an activity, or answered by a fake.</summary>
/// <param name="Kind">http, openapi, grpc, asyncapi, a2a, mcp, shell, script, container, function, withdraw, emit, lifecycle, fetch, secrets, subscribe, unsubscribe, resolve, evaluate, validate or load.</param>
/// <param name="Arguments">Evaluated arguments; secrets are in it as references only.</param>
public sealed record FlowCall(string Kind, [property: JsonConverter(typeof(JqValueConverter))] JqValue Arguments)
{
    /// <summary>How to authenticate: scheme with a secret's name or evaluated properties; null for not at all.</summary>
    [JsonConverter(typeof(JqValueConverter))]
    public JqValue Authentication { get; init; }

    /// <summary>The same for all attempts of this call, and different for every other call.</summary>
    public string IdempotencyKey { get; init; } = "";

    public string RunId { get; init; } = "";

    /// <summary><c>namespace/name:version</c>.</summary>
    public string Flow { get; init; } = "";

    /// <summary>JSON pointer of the task.</summary>
    public string Task { get; init; } = "";

    public TimeSpan? Timeout { get; init; }

    /// <summary>Prefix of references to secrets in this run's values, see <see cref="SecretReferences"/>.</summary>
    public string SecretPrefix { get; init; } = "";

    /// <summary>Names that the flow lists in use.secrets; no other is resolved.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];
}

/// <param name="Definition">The definition itself, for a flow that has no name of its own; otherwise null.</param>
internal sealed record SubflowCall(string Namespace, string Name, string Version, string? Definition, JqValue Input, bool Await, string Key, string Task);
