using Baton.Durable.Storage;

namespace Baton.Durable.Engine;

/// <summary>What one group commit holds: the writes, the answers that wait for it, the entities it pins.</summary>
internal sealed class Batch
{
    public WriteBatch Writes { get; } = new();

    public List<Reply> Replies { get; } = [];

    public Dictionary<long, Entity> Dirty { get; } = [];

    public List<long> Deleted { get; } = [];

    public bool IsEmpty => Replies.Count == 0 && Dirty.Count == 0 && Writes.IsEmpty;
}
