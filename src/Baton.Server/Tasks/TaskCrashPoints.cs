using System.Diagnostics;

namespace Baton.Server.Tasks;

/// <summary>
/// Places where a test has the process killed, as by the kernel or a power cut, to show that nothing is lost or done twice.
/// Nothing happens unless the environment variable <c>BATON_CRASH_POINT</c> names the point, as <c>NAME:1</c>, when the process starts.
/// </summary>
internal static class TaskCrashPoints
{
    public const string BeforeCreate = "task-before-create";
    public const string AfterCreate = "task-after-create";
    public const string BeforeTell = "task-before-tell";
    public const string AfterTell = "task-after-tell";
    public const string BeforeChange = "task-before-change";
    public const string AfterChange = "task-after-change";
    public const string BeforeSignal = "task-before-signal";
    public const string AfterSignal = "task-after-signal";

    private static readonly string? Armed = Environment.GetEnvironmentVariable("BATON_CRASH_POINT");

    /// <summary>Does not return when the process is to die here.</summary>
    public static void Hit(string name)
    {
        if (Armed is not null && Armed == name + ":1")
        {
            Process.GetCurrentProcess().Kill();
            using var never = new ManualResetEventSlim();
            never.Wait();
        }
    }
}
