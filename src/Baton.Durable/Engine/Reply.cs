using System.Runtime.InteropServices;

namespace Baton.Durable.Engine;

/// <summary>
/// The answer that a caller waits for. It is set on the loop and released only after everything that was applied up to
/// then is on disk, so that no caller sees what a crash could take back.
/// </summary>
/// <remarks>
/// Whoever awaits an answer goes on within <see cref="Release"/>, down to the bytes on the connection. One thread that gives out many answers in
/// a row costs far less than a hand-over for each, and lets the connection send several at once.
/// </remarks>
internal abstract class Reply
{
    // Few enough that a machine with idle cores uses them for one large commit.
    private const int InARow = 16;

    public bool IsSet { get; protected set; }

    /// <summary>Gives out the answers of a commit, on threads of the pool.</summary>
    internal static void ReleaseAll(List<Reply> replies)
    {
        for (var from = 0; from < replies.Count; from += InARow)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static part =>
                {
                    foreach (var reply in CollectionsMarshal.AsSpan(part.replies)[part.from..Math.Min(part.from + InARow, part.replies.Count)])
                    {
                        reply.Release();
                    }
                },
                (replies, from),
                preferLocal: false);
        }
    }

    /// <summary>Gives out the answer on this thread, which must not be the loop.</summary>
    internal abstract void Release();

    /// <summary>Gives the caller an error instead of an answer, on a thread of the pool.</summary>
    internal abstract void Reject(Exception reason);
}

internal sealed class Reply<T> : Reply
{
    private readonly TaskCompletionSource<T> source = new();
    private Func<T>? finish;
    private T? value;
    private Exception? error;

    public Task<T> Task => source.Task;

    public void Set(Step step, T answer)
    {
        if (!IsSet)
        {
            IsSet = true;
            value = answer;
            step.Add(this);
        }
    }

    /// <summary>The answer is worked out after the commit and off the loop; <paramref name="build"/> may read the store.</summary>
    public void SetLater(Step step, Func<T> build)
    {
        if (!IsSet)
        {
            IsSet = true;
            finish = build;
            step.Add(this);
        }
    }

    public void Fail(Step step, Exception reason)
    {
        if (!IsSet)
        {
            IsSet = true;
            error = reason;
            step.Add(this);
        }
    }

    internal override void Release()
    {
        if (error is not null)
        {
            source.TrySetException(error);
        }
        else if (finish is not null)
        {
            Finish(finish);
        }
        else
        {
            source.TrySetResult(value!);
        }
    }

    internal override void Reject(Exception reason)
    {
        IsSet = true;
        ThreadPool.UnsafeQueueUserWorkItem(static reject => reject.source.TrySetException(reject.reason), (source, reason), preferLocal: false);
    }

    private void Finish(Func<T> build)
    {
        T answer;
        try
        {
            answer = build();
        }
#pragma warning disable CA1031 // whatever it is, the caller must hear of it
        catch (Exception e)
#pragma warning restore CA1031
        {
            source.TrySetException(e);
            return;
        }

        source.TrySetResult(answer);
    }
}

/// <summary>Nobody waits for it: runs when its batch is on disk, and is forgotten when the batch fails.</summary>
internal sealed class CommitEffect(Action effect) : Reply
{
    internal override void Release() => ThreadPool.UnsafeQueueUserWorkItem(static effect => effect(), effect, preferLocal: false);

    internal override void Reject(Exception reason)
    {
    }
}
