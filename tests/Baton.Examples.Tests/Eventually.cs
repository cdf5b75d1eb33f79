namespace Baton.Examples.Tests;

internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Waits until the condition holds; an exception counts as not yet.</summary>
    public static async Task HoldsAsync(string what, Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        Exception? last = null;
        while (true)
        {
            try
            {
                if (await condition())
                {
                    return;
                }
            }
            catch (Exception exception) when (!limit.IsCancellationRequested)
            {
                last = exception;
            }
            if (limit.IsCancellationRequested)
            {
                Assert.Fail($"did not happen within {Limit}: {what}. {last}");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System);
        }
    }

    public static Task HoldsAsync(string what, Func<bool> condition) => HoldsAsync(what, () => Task.FromResult(condition()));
}
