using System.Text.Json;
using Baton.Server.Errors;

namespace Baton.Server.Control;

/// <summary>
/// Where the server of a project answers, and the secret of its owner: DATA/control.json, readable by its owner only.
/// It is written anew at each start; one left behind by a killed host names a port where nobody answers.
/// </summary>
public sealed record ControlFile(string Address, string Token, int Pid)
{
    private const string FileName = "control.json";

    internal void Write(string dataFolder)
    {
        var path = Path.Combine(dataFolder, FileName);
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using (var stream = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(stream, this);
        }
        File.Move(temporary, path, overwrite: true);
    }

    internal static void Delete(string dataFolder) => File.Delete(Path.Combine(dataFolder, FileName));

    /// <param name="projectFolder">A folder that was given to `baton up`, or a data folder.</param>
    /// <exception cref="BatonException">The project is not up.</exception>
    public static ControlFile Read(string projectFolder)
    {
        var inside = Path.Combine(Path.GetFullPath(projectFolder), FileName);
        var path = File.Exists(inside) ? inside : Path.Combine(Path.GetFullPath(projectFolder), ".baton", FileName);
        try
        {
            return JsonSerializer.Deserialize<ControlFile>(File.ReadAllBytes(path))!;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new BatonException(
                ErrorCodes.ProjectNotUp, $"the project {Path.GetFullPath(projectFolder)} is not up", exception.Message,
                "start it with `baton up PATH`, or name another with --project, or a server with --url", exception);
        }
    }

    /// <summary>Null when the project is not up.</summary>
    public static ControlFile? TryRead(string projectFolder)
    {
        try
        {
            return Read(projectFolder);
        }
        catch (BatonException)
        {
            return null;
        }
    }
}
