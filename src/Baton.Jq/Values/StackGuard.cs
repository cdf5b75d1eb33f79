using System.Runtime.CompilerServices;

namespace Baton.Jq;

/// <summary>Lets recursion over deep values and deep programs go on where the thread's own stack would end.</summary>
/// <remarks>
/// Everything recursive here has a depth limit of its own (10,000 as in jq), but no thread promises room for that.
/// When little is left, the next level runs on a new thread while this one waits.
/// </remarks>
internal static class StackGuard
{
    private const int StackBytes = 64 << 20;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasRoom() => RuntimeHelpers.TryEnsureSufficientExecutionStack();

    public static T OnNewStack<T>(Func<T> next)
    {
        var result = default(T);
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = next();
                }
                catch (Exception e)
                {
                    failure = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e);
                }
            },
            StackBytes);
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }
}
