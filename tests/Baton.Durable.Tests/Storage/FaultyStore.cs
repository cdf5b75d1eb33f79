using Baton.Durable.Storage;

namespace Baton.Durable.Tests.Storage;

/// <summary>A store whose commits fail or take long when a test says so, for tests of what stands on a store.</summary>
internal sealed class FaultyStore(IDurableStore inner) : IDurableStore
{
    private readonly ManualResetEventSlim open = new(initialState: true);
    private int failing;
    private int waiting;

    public IEntityReader Entities => inner.Entities;

    public IHistoryReader Histories => inner.Histories;

    public IVisibilityReader Visibility => inner.Visibility;

    public IDocumentReader Documents => inner.Documents;

    /// <summary>Commits that wait behind <see cref="Hold"/>.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>The next commits are refused as by a full disk; <see cref="int.MaxValue"/> for all until <see cref="Heal"/>.</summary>
    public void FailCommits(int count) => Volatile.Write(ref failing, count);

    public void Heal() => Volatile.Write(ref failing, 0);

    /// <summary>Commits wait, as for a slow disk, until the hold is disposed.</summary>
    public IDisposable Hold()
    {
        open.Reset();
        return new Release(open);
    }

    public void Commit(WriteBatch batch)
    {
        Interlocked.Increment(ref waiting);
        open.Wait();
        Interlocked.Decrement(ref waiting);
        if (Volatile.Read(ref failing) > 0)
        {
            Interlocked.Decrement(ref failing);
            throw new StoreException("The disk is full (injected by a test).");
        }
        inner.Commit(batch);
    }

    public bool Maintain() => inner.Maintain();

    public StoreStatistics GetStatistics() => inner.GetStatistics();

    public async ValueTask DisposeAsync()
    {
        open.Set();
        await inner.DisposeAsync();
    }

    private sealed class Release(ManualResetEventSlim open) : IDisposable
    {
        public void Dispose() => open.Set();
    }
}
