using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Processes;

/// <summary>
/// Finds processes by a variable in their environment. Descendants inherit it, whatever becomes of their parents, and a
/// process id that was reused does not carry it: so what an earlier, killed host left behind is found for certain, and
/// nothing else is. Needs /proc (Linux); elsewhere nothing is found and children end with their parents only.
/// </summary>
internal sealed partial class ProcessMark(string variable, string value, ILogger log)
{
    private const int SigKill = 9;
    private const int SigTerm = 15;

    private readonly byte[] entry = Encoding.UTF8.GetBytes($"{variable}={value}");

    public string Variable => variable;

    public string Value => value;

    /// <summary>Kills every process that carries the mark, but this one.</summary>
    public void KillAll()
    {
        // A process may fork while the list is read: repeat until a pass finds none.
        while (Find() is { Count: > 0 } found)
        {
            foreach (var pid in found)
            {
                if (Kill(pid, SigKill) == 0)
                {
                    LogLeftoverKilled(log, pid, value);
                }
            }
        }
    }

    public static void Terminate(int pid) => Kill(pid, SigTerm);

    private List<int> Find()
    {
        var found = new List<int>();
        if (!Directory.Exists("/proc/self"))
        {
            return found;
        }
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out var pid) && pid != Environment.ProcessId && Carries(folder) && !IsDead(folder))
            {
                found.Add(pid);
            }
        }
        return found;
    }

    private bool Carries(string folder)
    {
        try
        {
            var environment = File.ReadAllBytes(Path.Combine(folder, "environ")).AsSpan();
            foreach (var range in environment.Split((byte)0))
            {
                if (environment[range].SequenceEqual(entry))
                {
                    return true;
                }
            }
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It ended meanwhile, or belongs to somebody else and so is none of ours.
            return false;
        }
    }

    /// <summary>Killed, and waiting for its parent to take note (state Z or X).</summary>
    private static bool IsDead(string folder)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(folder, "stat"));
            return stat[stat.LastIndexOf(')') + 2] is 'Z' or 'X';
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);

    [LoggerMessage(EventIds.LeftoverKilled, LogLevel.Information, "Killed process {Pid}, left over from {Mark}")]
    private static partial void LogLeftoverKilled(ILogger log, int pid, string mark);
}
