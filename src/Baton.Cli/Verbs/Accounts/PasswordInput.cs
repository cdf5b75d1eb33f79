using System.Text;
using Baton.Cli.Output;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Accounts;

/// <summary>Reads what must not stand on a command line: from the terminal without showing it, or from stdin.</summary>
internal static class PasswordInput
{
    public static string Read(CliConsole console, string what)
    {
        if (Console.IsInputRedirected)
        {
            return Console.In.ReadLine() is { Length: > 0 } line ? line : throw Missing(what);
        }
        console.Note($"{what}: ");
        var text = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                text.Length = Math.Max(0, text.Length - 1);
            }
            else if (key.KeyChar != '\0')
            {
                text.Append(key.KeyChar);
            }
        }
        return text.Length > 0 ? text.ToString() : throw Missing(what);
    }

    /// <summary>Asks twice at a terminal.</summary>
    public static string ReadNew(CliConsole console)
    {
        var password = Read(console, "New password");
        return Console.IsInputRedirected || Read(console, "Again") == password
            ? password
            : throw new BatonException(ErrorCodes.InvalidInput, "the two are not the same", null, "run it again");
    }

    private static BatonException Missing(string what) => new(ErrorCodes.InvalidInput, $"{what} is empty", null, "type it, or give it on stdin");
}
