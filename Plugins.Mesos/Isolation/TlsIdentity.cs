using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>Who we are on a port, and whom we take: a loopback port is everybody's on the machine, so a caller shows a certificate of
/// the one authority that is named, and of no other that the machine trusts.</summary>
internal static class TlsIdentity
{
    /// <summary>id-kp-clientAuth, RFC 5280 section 4.2.1.12.</summary>
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    public static HttpsConnectionAdapterOptions Load(MesosSettings settings)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(settings.TlsClientCaFile);
        return new()
        {
            ServerCertificate = X509Certificate2.CreateFromPemFile(settings.TlsCertificateFile, settings.TlsKeyFile),
            ClientCertificateMode = ClientCertificateMode.RequireCertificate,
            ClientCertificateValidation = (certificate, _, _) => IsSigned(certificate, authorities),
        };
    }

    private static bool IsSigned(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // A caller's certificate names no place that this host then asks.
        chain.ChainPolicy.DisableCertificateDownloads = true;
        // Not one that the authority gave a server.
        chain.ChainPolicy.ApplicationPolicy.Add(new(ClientAuthentication));
        return chain.Build(certificate);
    }
}
