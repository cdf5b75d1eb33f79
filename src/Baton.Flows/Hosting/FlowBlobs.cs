using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Baton.Flows.Hosting;

/// <summary>
/// Where flows keep values of more than 256 KiB, by what they contain. Implementations promise: a value is durable when
/// <see cref="PutAsync"/> has returned, the same content has the same name, what is read is what was put, and a value is there
/// for as long as durable execution stores a run that put it, or one below that run.
/// </summary>
public interface IFlowBlobs
{
    /// <param name="run">Workflow id of the run that will refer to the value.</param>
    /// <returns>The SHA-256 of the content, in lower-case hexadecimal.</returns>
    ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, string run, CancellationToken cancellationToken);

    /// <returns>The content, or null if there is none of this name.</returns>
    ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken);
}

/// <summary>Keeps values in memory: for single runs, tests, and servers that keep nothing else either.</summary>
public sealed class MemoryBlobs : IFlowBlobs
{
    private readonly ConcurrentDictionary<string, byte[]> _contents = new(StringComparer.Ordinal);

    public ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, string run, CancellationToken cancellationToken)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(content.Span));
        _contents.TryAdd(hash, content.ToArray());
        return new(hash);
    }

    public ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken) => new(_contents.GetValueOrDefault(hash));
}
