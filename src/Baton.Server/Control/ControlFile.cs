using System.Text.Json;
using Baton.Server.Errors;

namespace Baton.Server.Control;

/// <summary>
/// Where the host of a project answers, and the secret that it asks for: DATA/control.json, readable by its owner only.
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

    /// <param name="projectFolder">A folder that was given to `baton up`.</param>
    /// <exception cref="BatonException">The project is not up.</exception>
    public static ControlFile Read(string projectFolder)
    {
        var path = Path.Combine(Path.GetFullPath(projectFolder), ".baton", FileName);
        try
        {
            return JsonSerializer.Deserialize<ControlFile>(File.ReadAllBytes(path))!;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw NotUp(projectFolder, exception);
        }
    }

    public static BatonException NotUp(string projectFolder, Exception cause) => new(
        ErrorCodes.ProjectNotUp, $"the project {Path.GetFullPath(projectFolder)} is not up", cause.Message, "start it with `baton up PATH`, or name another with --project", cause);
}
