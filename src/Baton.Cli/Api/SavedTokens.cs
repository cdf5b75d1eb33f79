using System.Text.Json;

namespace Baton.Cli.Api;

/// <summary>Tokens of `baton login`, by server, in a file that only its owner can read.</summary>
internal static class SavedTokens
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static string FilePath => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify), "baton", "tokens.json");

    /// <returns>Null when there is none.</returns>
    public static string? Find(Uri server) => Read().GetValueOrDefault(KeyOf(server));

    public static void Save(Uri server, string token)
    {
        var tokens = Read();
        tokens[KeyOf(server)] = token;
        Write(tokens);
    }

    /// <returns>Whether there was one.</returns>
    public static bool Forget(Uri server)
    {
        var tokens = Read();
        var found = tokens.Remove(KeyOf(server));
        Write(tokens);
        return found;
    }

    private static string KeyOf(Uri server) => server.GetLeftPart(UriPartial.Authority);

    private static Dictionary<string, string> Read() => File.Exists(FilePath) ? JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(FilePath)) ?? [] : [];

    private static void Write(Dictionary<string, string> tokens)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        var temporary = FilePath + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using (var stream = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(stream, tokens, Indented);
        }
        File.Move(temporary, FilePath, overwrite: true);
    }
}
