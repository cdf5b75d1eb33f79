using System.Diagnostics;

namespace Baton.CrashTesting;

/// <summary>
/// A place where a test may have the process killed (SIGKILL, as by the kernel or a power cut) to show that nothing acknowledged is
/// lost and nothing is done twice.
/// </summary>
/// <remarks>
/// A test facility: it does nothing unless the environment variable <c>BATON_CRASH_POINT</c> is set to <c>name:n</c> when the
/// process starts, and then kills the process at the <c>n</c>-th pass (1 is the first) of the point of that name. The field is
/// <c>static readonly</c>, so that compiled code of an unarmed process holds no check at all. The durable server and the
/// platform share this file; each has a table of its own points, <c>CrashPoints</c>.
/// </remarks>
internal static class CrashPoint
{
    public const string Variable = "BATON_CRASH_POINT";

    private static readonly ArmedPoint? Armed = ArmedPoint.Parse(Environment.GetEnvironmentVariable(Variable));

    /// <summary>Passes the point <paramref name="name"/>; does not return when the process is to die here.</summary>
    public static void Pass(string name)
    {
        if (Armed is not null && Armed.Fires(name))
        {
            Die();
        }
    }

    /// <summary>
    /// Passes a point that lies inside an operation the caller cannot interrupt: the process dies some instant after this call,
    /// while the caller goes on into the operation.
    /// </summary>
    public static void PassSoon(string name)
    {
        if (Armed is not null && Armed.Fires(name))
        {
            new Thread(Die) { IsBackground = true, Priority = ThreadPriority.Highest }.Start();
        }
    }

    private static void Die()
    {
        Process.GetCurrentProcess().Kill();
        // The signal may land an instant later; go no further meanwhile.
        using var never = new ManualResetEventSlim();
        never.Wait();
    }

    private sealed class ArmedPoint(string name, long pass)
    {
        private long passed;

        public bool Fires(string point) => point == name && Interlocked.Increment(ref passed) == pass;

        public static ArmedPoint? Parse(string? text)
        {
            if (string.IsNullOrEmpty(text))
            {
                return null;
            }

            var colon = text.LastIndexOf(':');
            if (colon <= 0 || !long.TryParse(text.AsSpan(colon + 1), out var pass) || pass < 1)
            {
                throw new FormatException($"{Variable} must be 'name:n' with n of 1 or more, for example 'before-commit:3', but is '{text}'.");
            }

            return new ArmedPoint(text[..colon], pass);
        }
    }
}
