namespace Baton.Server.Processes;

/// <summary>Where a line goes that a process prints: the process's name, and the line.</summary>
public delegate void ProcessOutput(string process, string line);
