using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Calico.Datastore.Etcd;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

/// <summary>TLS with client certificates, against a real etcd.</summary>
public sealed class EtcdTlsTests
{
    private string _folder = "";

    [SetUp]
    public void MakeCertificates()
    {
        _folder = Directory.CreateTempSubdirectory("calico-tls-").FullName;
        using var authority = Authority("ca");
        using var stranger = Authority("stranger");
        Issue(authority, "server");
        Issue(authority, "client");
        Issue(stranger, "other-client");
    }

    [TearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Only_a_client_with_a_certificate_and_only_the_right_server()
    {
        await using var etcd = await EtcdProcess.StartTlsAsync($"--cert-file={Pem("server")}", $"--key-file={Key("server")}",
            $"--trusted-ca-file={Pem("ca")}", "--client-cert-auth");
        var good = new EtcdOptions { Endpoints = [etcd.Endpoint], CaFile = Pem("ca"), CertFile = Pem("client"), KeyFile = Key("client") };
        Assert.That(await TryAsync(good), Is.EqualTo("ok"));
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(await TryAsync(good with { CertFile = null, KeyFile = null }), Does.StartWith("Unavailable"), "no certificate");
            Assert.That(await TryAsync(good with { CertFile = Pem("other-client"), KeyFile = Key("other-client") }),
                Does.StartWith("Unavailable"), "a stranger's");
            Assert.That(await TryAsync(good with { CaFile = Pem("stranger") }), Does.StartWith("Unavailable").And.Contain("certificate"),
                "not our server");
            Assert.That(await TryAsync(good with { CaFile = null }), Does.StartWith("Unavailable").And.Contain("certificate"),
                "not the system's authorities");
            Assert.That(await TryAsync(good with { KeyFile = null }), Does.StartWith("Invalid").And.Contain("needs its key"));
            Assert.That(await TryAsync(good with { CaFile = "/no/such/file" }), Does.StartWith("Invalid").And.Contain("/no/such/file"));
        });
    }

    private static async Task<string> TryAsync(EtcdOptions options)
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await using var store = new EtcdStore(options, TimeProvider.System, NullLogger.Instance);
            await store.GetAsync("/a", 0, limit.Token);
            return "ok";
        }
        catch (CalicoException error)
        {
            return $"{error.Problem}: {error.Message}";
        }
    }

    private string Pem(string name) => Path.Combine(_folder, $"{name}.pem");

    private string Key(string name) => Path.Combine(_folder, $"{name}.key");

    private X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        File.WriteAllText(Pem(name), certificate.ExportCertificatePem());
        return certificate;
    }

    private void Issue(X509Certificate2 authority, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        using var certificate = request.Create(authority, authority.NotBefore, authority.NotAfter, RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Pem(name), certificate.ExportCertificatePem());
        File.WriteAllText(Key(name), key.ExportPkcs8PrivateKeyPem());
    }
}
