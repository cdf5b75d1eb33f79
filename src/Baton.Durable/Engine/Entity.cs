using Baton.Durable.State;
using Baton.Durable.Storage;

namespace Baton.Durable.Engine;

/// <summary>
/// A state machine that the engine keeps: a workflow run, a schedule, a standalone activity. Touched only on the engine's
/// loop. Everything that must outlive a crash is in what <see cref="Serialize"/> gives; everything else is rebuilt or lost
/// with a clear answer to whoever waited for it.
/// </summary>
internal abstract class Entity(long runKey, EntityKind kind, string namespaceId, string id, string runId)
{
    public long RunKey { get; } = runKey;

    public EntityKind Kind { get; } = kind;

    public string NamespaceId { get; } = namespaceId;

    public string Id { get; } = id;

    public string RunId { get; } = runId;

    /// <summary>An open entity has a row in the wake index; a closed one waits for retention.</summary>
    public abstract bool IsOpen { get; }

    /// <summary>Somebody waits on memory of this object, so that it may not leave the cache.</summary>
    public virtual bool IsPinned => false;

    /// <summary>Work is with a worker or waits for one: skipped time stands still.</summary>
    public virtual bool IsBusy => false;

    public abstract byte[] Serialize();

    /// <summary>
    /// The next instant at which <see cref="OnWake"/> has something to do, in the past when it is overdue; <see cref="Instant.Never"/> when nothing is
    /// due ever. A task that <see cref="CollectTasks"/> gives at <paramref name="now"/> is not a reason to wake.
    /// </summary>
    public abstract long NextWake(long now);

    /// <summary>What is due at <see cref="Step.Now"/> happens. May be called early or twice.</summary>
    public abstract void OnWake(Step step);

    /// <summary>Tasks that wait for a worker now. Derived from state alone.</summary>
    public virtual void CollectTasks(long now, List<TaskRef> tasks)
    {
    }

    /// <summary>Called once when the batch is handed over: what lists shall show.</summary>
    public abstract VisibilityRecord ToVisibility();

    /// <summary>Adds what the kind keeps beside its state (history batches).</summary>
    public virtual void WriteMore(WriteBatch batch)
    {
    }

    /// <summary>A step that touched this entity is over: whoever waits for what happened may be answered with how it stands.</summary>
    public virtual void OnSettled(Step step)
    {
    }

    /// <summary>All that was changed in this entity is on disk.</summary>
    public virtual void OnCommitted()
    {
    }

    /// <summary>The batch in which this entity was changed failed, or the engine stops: answer everybody who waits on it.</summary>
    public virtual void Abandon(Exception reason)
    {
    }

    // The engine's own bookkeeping.
    internal bool IsDirty { get; set; }

    internal bool IsVisibilityDirty { get; set; }

    internal bool IsTouched { get; set; }

    /// <summary>Batches under way that hold this entity. It stays in memory until they are on disk.</summary>
    internal int InFlight { get; set; }

    internal long LastUse { get; set; }

    /// <summary>The tasks that the matcher was given, so that it is told of new ones only.</summary>
    internal Dictionary<(TaskKind Kind, long Id, int Attempt, int Stamp), TaskRef> Offered { get; set; } = [];

    internal (long? WakeAt, byte[] Dispatch)? WrittenWake { get; set; }
}
