namespace Baton.Server.Tasks;

/// <summary>Wakes what waits for new messages in this process; other processes look now and then.</summary>
internal sealed class TaskPulse(TimeProvider time)
{
    private volatile TaskCompletionSource next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>To be taken before looking, so that no beat is missed.</summary>
    public Task Next => next.Task;

    public void Beat() => Interlocked.Exchange(ref next, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <summary>Ends at the beat, or when the time is over.</summary>
    public async Task WaitAsync(Task beat, TimeSpan atMost, CancellationToken cancel)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAny(beat, Task.Delay(atMost, time, done.Token));
        await done.CancelAsync();
    }
}
