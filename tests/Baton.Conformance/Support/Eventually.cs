using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Baton.Conformance.Support;

/// <summary>Waits for a condition of the server under test, with a deadline that fails the case.</summary>
internal static class Eventually
{
    /// <summary>Every wait of the suite. Far above what any case needs, so that only a lost event reaches it.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks until the answer satisfies <paramref name="condition"/>, and gives that answer.</summary>
    public static async Task<T> GetAsync<T>(
        Func<Task<T>> ask, Func<T, bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (condition(answer))
            {
                return answer;
            }
            Assert.True(Stopwatch.GetElapsedTime(started) < Deadline, $"Not within {Deadline}: {what}. Last answer: {answer}");
            await PauseAsync();
        }
    }

    public static Task TrueAsync(Func<Task<bool>> ask, [CallerArgumentExpression(nameof(ask))] string what = "") =>
        GetAsync(ask, answer => answer, what);

    public static Task TrueAsync(Func<bool> ask, [CallerArgumentExpression(nameof(ask))] string what = "") =>
        GetAsync(() => Task.FromResult(ask()), answer => answer, what);

    /// <summary>Repeats an assertion until it holds; the last failure is the case's failure.</summary>
    public static async Task AssertAsync(Func<Task> assertion)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await assertion();
                return;
            }
            catch (Xunit.Sdk.XunitException) when (Stopwatch.GetElapsedTime(started) < Deadline)
            {
                await PauseAsync();
            }
        }
    }

    public static Task PauseAsync() => Task.Delay(Interval, TimeProvider.System);
}
