using System.Globalization;

namespace Baton.Durable.Bench.Load;

/// <summary>What the kernel says of processes, from /proc: CPU time since their start, memory now.</summary>
internal static class ProcessUsage
{
    // USER_HZ: the kernel shows times to user space in hundredths of a second on every architecture .NET runs on.
    private const double TickMs = 10;

    /// <summary>User and system time of all threads of the processes, in milliseconds.</summary>
    public static double CpuMs(IEnumerable<int> processes) => processes.Sum(static pid =>
    {
        // Fields are counted after the name, which is in parentheses and may hold spaces: utime and stime are the 14th and 15th.
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture)) * TickMs;
    });

    /// <summary>Resident memory of the processes in MiB.</summary>
    public static double MemoryMiB(IEnumerable<int> processes) => processes.Sum(static pid =>
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
    });
}
