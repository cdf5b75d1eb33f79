using YamlDotNet.RepresentationModel;

namespace Baton.Server.Projects;

/// <summary>A project folder as `baton up` runs it: read from baton.yaml, or guessed from what the folder holds.</summary>
/// <param name="Folder">Absolute path.</param>
/// <param name="Port">TCP port of the durable server on loopback; 0 for a free one.</param>
/// <param name="Prepare">Commands to run to completion, in order, before anything starts. They must bear being run again.</param>
/// <param name="Next">What a person may do once everything runs.</param>
public sealed record Project(
    string Name,
    string Folder,
    ushort Port,
    string Namespace,
    IReadOnlyList<ProjectCommand> Prepare,
    IReadOnlyList<ProjectProcess> Processes,
    IReadOnlyList<ProjectHint> Next)
{
    /// <summary>Absolute paths of flow files and folders of them, which are put in force at each start.</summary>
    public IReadOnlyList<string> Flows { get; init; } = [];

    /// <summary>Settings of the server, a section for each concept.</summary>
    public YamlMappingNode? Settings { get; init; }

    public const ushort DefaultPort = 7233;

    /// <summary>Where everything is kept that running the project makes.</summary>
    public string DataFolder => Path.Combine(Folder, ".baton");
}

/// <summary>A command, and where and with what to run it.</summary>
/// <param name="Arguments">The program and its arguments; a command given as one string is run by /bin/sh.</param>
/// <param name="Folder">Absolute path.</param>
public sealed record ProjectCommand(
    IReadOnlyList<string> Arguments, string Folder, IReadOnlyDictionary<string, string> Environment)
{
    public override string ToString() =>
        Arguments is ["/bin/sh", "-c", var script] ? script : string.Join(' ', Arguments);
}

/// <summary>A process that is kept running.</summary>
/// <param name="When">A path that must exist before the process is started; null starts it at once.</param>
/// <param name="Ready">An http address that answers 2xx once the process is ready; null counts it ready when started.</param>
public sealed record ProjectProcess(string Name, ProjectCommand Command, string? When, Uri? Ready);

/// <param name="Say">One line in words.</param>
/// <param name="Run">The command line to try.</param>
public sealed record ProjectHint(string Say, string Run);
