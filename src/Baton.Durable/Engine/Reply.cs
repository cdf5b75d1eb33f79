namespace Baton.Durable.Engine;

/// <summary>
/// The answer that a caller waits for. It is set on the loop and released only after everything that was applied up to
/// then is on disk, so that no caller sees what a crash could take back.
/// </summary>
internal abstract class Reply
{
    public bool IsSet { get; protected set; }

    internal abstract void Release();

    internal abstract void Reject(Exception reason);
}

internal sealed class Reply<T> : Reply
{
    private readonly TaskCompletionSource<T> source = new(TaskCreationOptions.RunContinuationsAsynchronously);
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
            ThreadPool.UnsafeQueueUserWorkItem(static reply => reply.Finish(), this, preferLocal: false);
        }
        else
        {
            source.TrySetResult(value!);
        }
    }

    internal override void Reject(Exception reason)
    {
        IsSet = true;
        source.TrySetException(reason);
    }

    private void Finish()
    {
        try
        {
            source.TrySetResult(finish!());
        }
#pragma warning disable CA1031 // whatever it is, the caller must hear of it
        catch (Exception e)
#pragma warning restore CA1031
        {
            source.TrySetException(e);
        }
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
