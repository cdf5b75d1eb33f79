using Baton.Server.Errors;

namespace Baton.Cli.Options;

/// <summary>Reads the files that a person names.</summary>
internal static class InputFile
{
    /// <exception cref="BatonException">It cannot be read.</exception>
    public static string Read(string path, string remedy)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{path} cannot be read", exception.Message, remedy, exception);
        }
    }
}
