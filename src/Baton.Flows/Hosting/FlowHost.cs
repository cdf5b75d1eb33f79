using System.Data.Common;
using Baton.Flows.Functions;
using Baton.Jq;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baton.Flows.Hosting;

/// <summary>Where secrets come from. Asked in activities only.</summary>
public interface IFlowSecrets
{
    /// <returns>The secret, a string or an object of strings, or null if there is none of this name.</returns>
    ValueTask<JqValue?> FindAsync(string name, CancellationToken cancellationToken);
}

/// <summary>Where events go to and come from. At least once: an event may be published again with the same source and id.</summary>
public interface IFlowEventBus
{
    Task PublishAsync(IReadOnlyList<JqValue> cloudEvents, CancellationToken cancellationToken);

    /// <summary>Wants to be told what runs listen to; otherwise the host must know whom to send an event.</summary>
    bool NeedsSubscriptions { get; }

    /// <summary>
    /// Writes down what a run listens to, in place of what it said before: events that match are sent to it from now on, at least once
    /// each, with the signal <c>event</c>. May be called again for the same.
    /// </summary>
    /// <returns>Events since the subscription's start that are in the log already, as far as they go into one answer.</returns>
    Task<FlowEventPage> SubscribeAsync(FlowEventSubscription subscription, CancellationToken cancellationToken);

    /// <param name="runId">Workflow id of the run.</param>
    Task UnsubscribeAsync(string runId, CancellationToken cancellationToken);
}

/// <param name="RunId">Workflow id of the run.</param>
/// <param name="Filters">See <see cref="FlowEventFilters"/>.</param>
/// <param name="Since">Events from then on are its: the start of the run, or when the flow whose schedule it is was put in force.</param>
/// <param name="From">Where the answer before left off; null for the first.</param>
public sealed record FlowEventSubscription(string RunId, IReadOnlyList<JqValue> Filters, DateTimeOffset Since, long? From)
{
    /// <summary>In place of <see cref="Since"/>: the place in the log from which on events are its.</summary>
    public long? Start { get; init; }
}

/// <param name="Next">Where to go on; null when all has been said.</param>
public sealed record FlowEventPage(IReadOnlyList<FlowEvent> Events, long? Next)
{
    public static FlowEventPage Empty { get; } = new([], null);
}

/// <param name="Offset">Place in the log.</param>
public sealed record FlowEvent(long Offset, JqValue Event);

/// <summary>Where subflows are looked up.</summary>
public interface IFlowDefinitions
{
    /// <param name="version">A version, or <c>latest</c>.</param>
    /// <returns>The definition as JSON or YAML, or null.</returns>
    ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken);
}

/// <summary>Where the functions <c>approval</c> and <c>task</c> ask people.</summary>
public interface IFlowInbox
{
    /// <summary>Opens a task, once for each <see cref="FlowFunctionCall.CallId"/>, and later signals what came of it, see <see cref="FlowFunctionResult.Later"/>.</summary>
    /// <param name="kind"><c>approval</c> or <c>task</c>.</param>
    /// <returns>The token of the answer.</returns>
    Task<string> OpenAsync(string kind, FlowFunctionCall call, CancellationToken cancellationToken);

    /// <summary>Closes a task whose answer nobody waits for any more.</summary>
    Task WithdrawAsync(string token, CancellationToken cancellationToken);
}

/// <summary>All that the activities of flows need of the process that hosts them. Every part has a default that refuses.</summary>
public sealed class FlowHost
{
    public FlowPolicy Policy { get; init; } = FlowPolicy.Default;

    public IFlowSecrets Secrets { get; init; } = new NoSecrets();

    public IFlowEventBus Events { get; init; } = new NoEvents();

    public IFlowDefinitions Definitions { get; init; } = new NoDefinitions();

    public IFlowInbox Inbox { get; init; } = new NoInbox();

    /// <summary>Where values of more than 256 KiB are kept. All workers of a task queue need the same. Default: in memory.</summary>
    public IFlowBlobs Blobs { get; init; } = new MemoryBlobs();

    /// <summary>Functions beside the built-in ones.</summary>
    public IReadOnlyList<IFlowFunction> Functions { get; init; } = [];

    /// <summary>Opens a database by the name that the function <c>sql</c> gives; null if there is none.</summary>
    public Func<string, DbConnection?> Databases { get; init; } = static _ => null;

    public ILoggerFactory Logging { get; init; } = NullLoggerFactory.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Wraps what sends HTTP requests, for tests that put stand-ins in the place of hosts.</summary>
    public Func<HttpMessageHandler, HttpMessageHandler> Http { get; init; } = static inner => inner;

    private sealed class NoSecrets : IFlowSecrets
    {
        public ValueTask<JqValue?> FindAsync(string name, CancellationToken cancellationToken) => default;
    }

    private sealed class NoEvents : IFlowEventBus
    {
        public bool NeedsSubscriptions => false;

        public Task PublishAsync(IReadOnlyList<JqValue> cloudEvents, CancellationToken cancellationToken) =>
            throw new FlowFaultException(FlowErrors.Configuration("There is no event bus here to publish to."));

        public Task<FlowEventPage> SubscribeAsync(FlowEventSubscription subscription, CancellationToken cancellationToken) => Task.FromResult(FlowEventPage.Empty);

        public Task UnsubscribeAsync(string runId, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class NoInbox : IFlowInbox
    {
        public Task<string> OpenAsync(string kind, FlowFunctionCall call, CancellationToken cancellationToken) => throw new FlowFaultException(FlowErrors.Configuration(
            $"'{kind}' asks people, and there is no inbox here: run the flow on a server that is up, or answer the call in a flow test."));

        public Task WithdrawAsync(string token, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class NoDefinitions : IFlowDefinitions
    {
        public ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken) => default;
    }
}
