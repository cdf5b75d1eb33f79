using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;

namespace Baton.Durable.Engine;

/// <summary>
/// Namespaces by name and id. Changed on the loop, read from any thread. A change is seen at once and written with the batch of its
/// step; handlers that answer from it do so after that batch.
/// </summary>
internal sealed class NamespaceRegistry
{
    public const string DocumentKind = "namespace";

    private volatile ImmutableDictionary<string, NamespaceEntry> byName = ImmutableDictionary<string, NamespaceEntry>.Empty;
    private volatile ImmutableDictionary<string, NamespaceEntry> byId = ImmutableDictionary<string, NamespaceEntry>.Empty;

    public IEnumerable<NamespaceEntry> All => byName.Values;

    public bool TryGet(string name, [NotNullWhen(true)] out NamespaceEntry? entry) => byName.TryGetValue(name, out entry);

    public bool TryGetById(string id, [NotNullWhen(true)] out NamespaceEntry? entry) => byId.TryGetValue(id, out entry);

    public void Load(IDocumentReader documents)
    {
        var entries = documents.List(DocumentKind).Select(static row => new NamespaceEntry(NamespaceState.Parser.ParseFrom(row.Value))).ToList();
        byName = entries.ToImmutableDictionary(static entry => entry.Name);
        byId = entries.ToImmutableDictionary(static entry => entry.Id);
    }

    public NamespaceEntry Put(Step step, NamespaceState state)
    {
        var entry = new NamespaceEntry(state);
        if (byId.TryGetValue(state.Id, out var old))
        {
            byName = byName.Remove(old.Name);
        }

        byName = byName.SetItem(entry.Name, entry);
        byId = byId.SetItem(entry.Id, entry);
        step.PutDocument(DocumentKind, state.Id, Google.Protobuf.MessageExtensions.ToByteArray(state));
        return entry;
    }

    public void Remove(Step step, NamespaceEntry entry)
    {
        byName = byName.Remove(entry.Name);
        byId = byId.Remove(entry.Id);
        step.PutDocument(DocumentKind, entry.Id, null);
    }
}

/// <summary>A namespace as handlers see it. Immutable.</summary>
internal sealed class NamespaceEntry(NamespaceState state)
{
    public string Id => State.Id;

    public string Name => State.Name;

    /// <summary>How long closed executions are kept, in ticks.</summary>
    public long Retention => State.Retention;

    public IReadOnlyDictionary<string, AttributeType> CustomAttributes { get; } =
        state.SearchAttributes.ToDictionary(static pair => pair.Key, static pair => (AttributeType)pair.Value);

    /// <summary>Never change it in place: clone, change, and put it to the registry.</summary>
    public NamespaceState State { get; } = state;
}
