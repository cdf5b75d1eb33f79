using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Common.V1;

namespace Baton.Durable.Standalone;

/// <summary>What the states of executions without a workflow have in common.</summary>
internal interface IStandaloneState : IMessage
{
    long CloseTime { get; set; }

    long DeleteAt { get; set; }

    long Transitions { get; set; }

    string StartRequestId { get; }

    RepeatedField<string> AttachedRequestIds { get; }

    RepeatedField<ByteString> Links { get; }

    RepeatedField<CallbackState> Callbacks { get; }
}

/// <summary>
/// An execution that a client started without a workflow: it runs, it closes, callers wait for it, and callbacks tell of its end.
/// </summary>
internal abstract class StandaloneEntity(EngineCore core, long runKey, EntityKind kind, string namespaceId, string id, string runId)
    : Entity(runKey, kind, namespaceId, id, runId), ICallbackSource
{
    private readonly List<(Reply<bool> Reply, Func<bool> IsMet)> waiters = [];

    public EngineCore Core => core;

    public NamespaceEntry Namespace => core.Namespaces.TryGetById(NamespaceId, out var entry)
        ? entry
        : throw new InvalidOperationException($"Namespace {NamespaceId} of run {RunId} is gone.");

    public abstract IStandaloneState Common { get; }

    public abstract bool IsRunning { get; }

    public abstract Link Link { get; }

    Entity ICallbackSource.Entity => this;

    RepeatedField<CallbackState> ICallbackSource.Callbacks => Common.Callbacks;

    public override bool IsOpen => IsRunning || DeliverCallbacks.IsPending(Common.Callbacks);

    public override bool IsPinned => waiters.Count > 0;

    public override bool IsBusy => IsRunning ? IsWorkedOn : DeliverCallbacks.IsSending(Common.Callbacks);

    /// <summary>Something of it waits for a worker, or is with one. Asked while it runs.</summary>
    protected abstract bool IsWorkedOn { get; }

    public abstract NexusCompletion GetCompletion(CallbackState callback);

    /// <summary>Answered true with the commit after which a condition holds.</summary>
    public void Wait(Reply<bool> reply, Func<bool> isMet) => waiters.Add((reply, isMet));

    public void StopWaiting(Reply<bool> reply) => waiters.RemoveAll(waiter => waiter.Reply == reply);

    public override byte[] Serialize()
    {
        Common.Transitions++;
        return Common.ToByteArray();
    }

    public override void WriteMore(WriteBatch batch)
    {
        var news = new Step(core, core.Clock.Now());
        foreach (var (reply, isMet) in waiters.ToList())
        {
            if (isMet())
            {
                StopWaiting(reply);
                reply.Set(news, true);
            }
        }
    }

    public override long NextWake(long now)
    {
        var next = IsRunning ? NextWakeRunning(now) : DeliverCallbacks.NextWake(Common.Callbacks);
        return next == 0 ? Instant.Never : next;
    }

    public override void OnWake(Step step)
    {
        if (IsRunning)
        {
            OnWakeRunning(step);
        }
        else
        {
            DeliverCallbacks.Wake(step, this);
        }
    }

    public override void Abandon(Exception reason)
    {
        foreach (var (reply, _) in waiters)
        {
            reply.Reject(reason);
        }

        waiters.Clear();
    }

    protected abstract long NextWakeRunning(long now);

    protected abstract void OnWakeRunning(Step step);

    /// <summary>It has its outcome: callers and callbacks hear of it.</summary>
    protected void SetClosed(Step step)
    {
        Common.CloseTime = step.Now;
        Common.DeleteAt = Instant.Add(step.Now, Namespace.Retention);
        step.Touch(this, visibility: true);
        DeliverCallbacks.OnClose(step, this);
        step.Core.RaiseClosed(step, this);
    }

    /// <exception cref="ServiceException">NOT_FOUND.</exception>
    protected static T Find<T>(Step step, EntityKind kind, NamespaceEntry space, string id, string runId, string what)
        where T : StandaloneEntity
    {
        T? found;
        return (runId.Length > 0 ? step.TryFindRun(kind, space.Id, id, runId, out found) : step.TryFindCurrent(kind, space.Id, id, out found))
            ? found!
            : throw ServiceErrors.NotFound($"{what} not found for ID: {id}{(runId.Length > 0 ? ", RunId: " + runId : "")}");
    }
}
