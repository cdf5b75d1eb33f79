using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Http;

/// <summary>
/// A certificate with its chain, in PEM, that is read again when a file of it has changed, as those who renew certificates
/// expect. What cannot be read, such as a key without its certificate yet, leaves the one before in force until the next look.
/// </summary>
internal sealed partial class CertificateFile
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    private readonly string path;
    private readonly string keyPath;
    private readonly TimeProvider time;
    private readonly ILogger<CertificateFile> log;
    private readonly Lock reading = new();
    private SslStreamCertificateContext context;
    private (DateTime Certificate, DateTime Key) written;
    private long looked;

    /// <exception cref="CryptographicException">There is no certificate in it, or no key that fits.</exception>
    public CertificateFile(string path, string keyPath, TimeProvider time, ILogger<CertificateFile> log)
    {
        (this.path, this.keyPath, this.time, this.log) = (path, keyPath, time, log);
        written = Written();
        looked = time.GetTimestamp();
        context = Read();
    }

    public SslStreamCertificateContext Current
    {
        get
        {
            lock (reading)
            {
                if (time.GetElapsedTime(looked) > LookAgain)
                {
                    looked = time.GetTimestamp();
                    ReadIfChanged();
                }
                return context;
            }
        }
    }

    private void ReadIfChanged()
    {
        try
        {
            var now = Written();
            if (now != written)
            {
                context = Read();
                written = now;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            LogNotRead(log, error, path);
        }
    }

    private (DateTime Certificate, DateTime Key) Written() => (File.GetLastWriteTimeUtc(path), File.GetLastWriteTimeUtc(keyPath));

    private SslStreamCertificateContext Read()
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(path);
        // What is not sent here is not looked for elsewhere: the file has the whole chain.
        return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(path, keyPath), chain, offline: true);
    }

    [LoggerMessage(EventIds.CertificateNotRead, LogLevel.Warning, "The certificate {Path} has changed and cannot be read; the one before stays in force")]
    private static partial void LogNotRead(ILogger log, Exception error, string path);
}
