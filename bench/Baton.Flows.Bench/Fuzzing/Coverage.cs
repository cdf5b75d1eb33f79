using System.Diagnostics;
using System.Runtime.InteropServices;
using SharpFuzz;
using Trace = SharpFuzz.Common.Trace;

namespace Baton.Flows.Bench.Fuzzing;

/// <summary>
/// Which branches an input takes, as counters that SharpFuzz puts into the readers. The instrumented readers are in a copy of this
/// program, which runs in its place: what is measured and tested elsewhere stays as it was built.
/// </summary>
internal static class Coverage
{
    private const string Variable = "BATON_BENCH_INSTRUMENTED";
    private const int Counters = 1 << 16;

    private static readonly string[] Readers = ["Baton.Flows.dll", "Baton.Jq.dll", "Baton.Server.dll"];
    private static readonly bool[] Seen = new bool[Counters];

    private static unsafe byte* counts;

    /// <summary>Whether this is the instrumented copy.</summary>
    public static bool IsOn => Environment.GetEnvironmentVariable(Variable) is "1";

    /// <summary>To be called before anything else of the readers is touched: instrumented code writes without asking.</summary>
    public static unsafe void Begin()
    {
        counts = (byte*)NativeMemory.AllocZeroed(Counters);
        Trace.SharedMem = counts;
    }

    /// <summary>Forgets the last input.</summary>
    public static unsafe void Clear()
    {
        NativeMemory.Clear(counts, Counters);
        Trace.PrevLocation = 0;
    }

    /// <summary>Whether the input since then took a branch that none had taken before.</summary>
    public static unsafe bool TakeNew()
    {
        var found = false;
        var span = new ReadOnlySpan<byte>(counts, Counters);
        for (var at = span.IndexOfAnyExcept((byte)0); at >= 0;)
        {
            found |= !Seen[at];
            Seen[at] = true;
            var next = span[(at + 1)..].IndexOfAnyExcept((byte)0);
            at = next < 0 ? -1 : at + 1 + next;
        }
        return found;
    }

    /// <summary>Runs the same command line in the instrumented copy.</summary>
    /// <returns>Exit code.</returns>
    public static async Task<int> RunCopyAsync(IEnumerable<string> args)
    {
        var folder = Directory.CreateTempSubdirectory("baton-bench-fuzz-");
        try
        {
            foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
            {
                var copy = Path.Combine(folder.FullName, Path.GetRelativePath(AppContext.BaseDirectory, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
            foreach (var reader in Readers)
            {
                Fuzzer.Instrument(Path.Combine(folder.FullName, reader), _ => true, Options.Value);
            }
            var start = new ProcessStartInfo(Path.Combine(folder.FullName, Path.GetFileName(Environment.ProcessPath!)), args) { Environment = { [Variable] = "1" } };
            using var process = Process.Start(start)!;
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
