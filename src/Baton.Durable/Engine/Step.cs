using System.Diagnostics.CodeAnalysis;
using Baton.Durable.Storage;

namespace Baton.Durable.Engine;

/// <summary>
/// What a transition may see and do: load entities, change them, leave writes and answers for the commit. Lives for one
/// command. Nothing that a step does leaves the process before the batch that holds it is on disk.
/// </summary>
/// <remarks>
/// A transition checks first and changes after: once <see cref="Touch"/> was called it may not refuse any more. One that does is a
/// broken invariant, for which the engine gives up all that is not on disk.
/// </remarks>
internal sealed class Step(EngineCore core, long now)
{
    private readonly List<Entity> touched = [];

    /// <summary>The instant of this step, never before that of an earlier step.</summary>
    public long Now { get; } = now;

    public EngineCore Core => core;

    public bool HasChanged => touched.Count > 0 || ChangedElsewhere;

    internal bool ChangedElsewhere { get; set; }

    internal IReadOnlyList<Entity> Touched => touched;

    public static string NewRunId() => Guid.CreateVersion7().ToString("D");

    public T? Load<T>(long runKey)
        where T : Entity => core.Load(runKey) as T;

    public bool TryFindCurrent<T>(EntityKind kind, string namespaceId, string id, [NotNullWhen(true)] out T? entity)
        where T : Entity
    {
        entity = core.FindCurrent(kind, namespaceId, id) is { } key ? Load<T>(key) : null;
        return entity is not null;
    }

    public bool TryFindRun<T>(EntityKind kind, string namespaceId, string id, string runId, [NotNullWhen(true)] out T? entity)
        where T : Entity
    {
        entity = core.FindRun(kind, namespaceId, id, runId) is { } key ? Load<T>(key) : null;
        return entity is not null;
    }

    /// <summary>Takes a new entity in. <paramref name="makeCurrent"/> points its id at it.</summary>
    public void Add(Entity entity, bool makeCurrent = true)
    {
        core.Insert(entity);
        if (makeCurrent)
        {
            core.SetCurrent(entity.Kind, entity.NamespaceId, entity.Id, entity.RunKey);
        }

        Touch(entity, visibility: true);
    }

    /// <summary>The entity changed and must be written with this batch.</summary>
    public void Touch(Entity entity, bool visibility = false)
    {
        entity.IsDirty = true;
        entity.IsVisibilityDirty |= visibility;
        TouchVolatile(entity);
    }

    /// <summary>Only what lives in memory changed; tasks and wake-ups are looked at again, nothing is written.</summary>
    public void TouchVolatile(Entity entity)
    {
        if (!entity.IsTouched)
        {
            entity.IsTouched = true;
            touched.Add(entity);
        }
    }

    /// <summary>Removes an entity with all that belongs to it.</summary>
    public void Delete(Entity entity)
    {
        ChangedElsewhere = true;
        core.Delete(entity);
    }

    public void PutDocument(string kind, string key, byte[]? value)
    {
        ChangedElsewhere = true;
        core.Batch.Writes.Documents[(kind, key)] = value;
    }

    /// <summary>Something that leaves the process, on a thread of its own when all that was applied up to now is on disk; never if it is lost.</summary>
    public void AfterCommit(Action effect) => Add(new CommitEffect(effect));

    internal void Add(Reply reply) => core.Batch.Replies.Add(reply);

    internal List<Entity> TakeTouched()
    {
        var list = new List<Entity>(touched);
        foreach (var entity in touched)
        {
            entity.IsTouched = false;
        }

        touched.Clear();
        return list;
    }
}
