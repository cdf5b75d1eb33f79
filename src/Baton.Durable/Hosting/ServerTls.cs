using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Baton.Durable.Hosting;

/// <summary>Turns PEM files into Kestrel's TLS settings.</summary>
internal static class ServerTls
{
    /// <exception cref="DurableOptionsException">A file is no usable PEM.</exception>
    public static HttpsConnectionAdapterOptions Load(DurableTlsOptions tls)
    {
        var https = new HttpsConnectionAdapterOptions();
        try
        {
            https.ServerCertificate = X509Certificate2.CreateFromPemFile(tls.CertificatePath, tls.KeyPath);
            https.ServerCertificateChain = [];
            https.ServerCertificateChain.ImportFromPemFile(tls.CertificatePath);
            if (tls.ClientCaPath is { } path)
            {
                var authorities = new X509Certificate2Collection();
                authorities.ImportFromPemFile(path);
                if (authorities.Count == 0)
                {
                    throw new DurableOptionsException([$"Tls.ClientCaPath: '{path}' holds no certificate."]);
                }
                https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                https.ClientCertificateValidation = (certificate, presented, _) => ChainsTo(authorities, certificate, presented);
            }
        }
        catch (CryptographicException e)
        {
            throw new DurableOptionsException([$"Tls: the PEM files cannot be used: {e.Message}"]);
        }
        return https;
    }

    private static bool ChainsTo(X509Certificate2Collection authorities, X509Certificate2 certificate, X509Chain? presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2")); // client authentication
        foreach (var element in presented?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }
        return chain.Build(certificate);
    }
}
