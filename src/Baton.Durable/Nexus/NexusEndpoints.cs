using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Baton.Durable.Engine;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Nexus.V1;

namespace Baton.Durable.Nexus;

/// <summary>
/// Nexus endpoints by id and name. Changed on the loop, read from any thread; a change is written with the batch of its step.
/// </summary>
internal sealed class NexusEndpoints
{
    private const string DocumentKind = "nexus-endpoint";

    private volatile ImmutableDictionary<string, Endpoint> byId = ImmutableDictionary<string, Endpoint>.Empty;
    private volatile ImmutableDictionary<string, Endpoint> byName = ImmutableDictionary<string, Endpoint>.Empty;

    public IEnumerable<Endpoint> All => byId.Values;

    public bool TryGet(string id, [NotNullWhen(true)] out Endpoint? endpoint) => byId.TryGetValue(id, out endpoint);

    public bool TryGetByName(string name, [NotNullWhen(true)] out Endpoint? endpoint) => byName.TryGetValue(name, out endpoint);

    /// <summary>The endpoint that an operation was scheduled on: by id, or by name when it was deleted and made again.</summary>
    public bool TryResolve(string id, string name, [NotNullWhen(true)] out Endpoint? endpoint) =>
        byId.TryGetValue(id, out endpoint) || byName.TryGetValue(name, out endpoint);

    public void Load(IDocumentReader documents)
    {
        var endpoints = documents.List(DocumentKind).Select(static row => Endpoint.Parser.ParseFrom(row.Value)).ToList();
        byId = endpoints.ToImmutableDictionary(static endpoint => endpoint.Id);
        byName = endpoints.ToImmutableDictionary(static endpoint => endpoint.Spec.Name);
    }

    /// <param name="endpoint">Not changed any more by the caller.</param>
    public void Put(Step step, Endpoint endpoint)
    {
        if (byId.TryGetValue(endpoint.Id, out var old))
        {
            byName = byName.Remove(old.Spec.Name);
        }

        byId = byId.SetItem(endpoint.Id, endpoint);
        byName = byName.SetItem(endpoint.Spec.Name, endpoint);
        step.PutDocument(DocumentKind, endpoint.Id, endpoint.ToByteArray());
    }

    public void Remove(Step step, Endpoint endpoint)
    {
        byId = byId.Remove(endpoint.Id);
        byName = byName.Remove(endpoint.Spec.Name);
        step.PutDocument(DocumentKind, endpoint.Id, null);
    }
}
