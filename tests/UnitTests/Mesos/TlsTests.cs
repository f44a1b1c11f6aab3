using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Calico.Plugins.Mesos.V1;
using Grpc.Core;
using Grpc.Net.Client;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>gRPC on a loopback port: with TLS, and for those whom the one authority has signed.</summary>
[TestFixture]
[UnsupportedOSPlatform("windows")]
public sealed class TlsTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-mesos-tls-");
    private readonly X509Certificate2 _authority = Sign("authority", null);
    private readonly int _port = FreePort();

    [OneTimeTearDown]
    public void Delete()
    {
        _authority.Dispose();
        _folder.Delete(recursive: true);
    }

    [Test]
    public async Task M18_a_caller_shows_a_certificate_of_the_one_authority()
    {
        await using var mesos = await MesosHarness.StartAsync(configure: Configure);
        using var other = Sign("another authority", null);
        Assert.That((await CallAsync(Sign("agent", _authority)))!.Ipv4, Has.Count.EqualTo(1));
        Assert.That((await CallAsync(Sign("agent", _authority, "1.3.6.1.5.5.7.3.2")))!.Ipv4, Has.Count.EqualTo(1));
        Assert.That(await CallAsync(Sign("a server", _authority, "1.3.6.1.5.5.7.3.1")), Is.Null, "of a server's use");
        Assert.That(await CallAsync(null), Is.Null, "no certificate");
        Assert.That(await CallAsync(Sign("agent", other)), Is.Null, "another's");
    }

    [Test]
    public async Task M18_a_port_that_another_has_is_told_and_the_socket_serves()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var mesos = await MesosHarness.StartAsync(configure: settings =>
        {
            Configure(settings);
            settings.TlsPort = ((IPEndPoint)taken.LocalEndpoint).Port;
        });
        Assert.That((await mesos.Isolator.AllocateAsync(new() { Uid = "u", NumIpv4 = 1 })).Ipv4, Has.Count.EqualTo(1));
        Assert.That(mesos.Lifetime.Reports["isolator port"].Ok, Is.False);
        Assert.That(mesos.Lifetime.Reports["isolator"].Ok, Is.True);
    }

    [Test]
    public void M18_settings_that_cannot_be_are_named_at_the_start() => Assert.Multiple(() =>
    {
        Assert.That(Refused(s => s.TlsAddress = "0.0.0.0"), Is.EqualTo("CALICO_MESOS_TLSADDRESS"));
        Assert.That(Refused(s => s.TlsClientCaFile = ""), Is.EqualTo("CALICO_MESOS_TLSCLIENTCAFILE"));
        Assert.That(Refused(s => s.TlsKeyFile = "/nowhere"), Is.EqualTo("CALICO_MESOS_TLSKEYFILE"));
        Assert.That(Refused(s => s.TlsPort = 70000), Is.EqualTo("CALICO_MESOS_TLSPORT"));
        Assert.That(Refused(s => s.MaxCalls = 0), Is.EqualTo("CALICO_MESOS_MAXCALLS"));
        Assert.That(Refused(s => s.CallTime = TimeSpan.FromSeconds(30)), Is.EqualTo("CALICO_MESOS_CALLTIME"));
        Assert.That(Refused(s => s.LimitedAfter = s.CallTime), Is.EqualTo("CALICO_MESOS_LIMITEDAFTER"));
        Assert.That(Refused(s => s.LimitedAfter = TimeSpan.Zero), Is.EqualTo("CALICO_MESOS_LIMITEDAFTER"));
        Assert.That(Refused(s => s.ForgottenAfter = TimeSpan.Zero), Is.EqualTo("CALICO_MESOS_FORGOTTENAFTER"));
        Assert.That(Refused(s => s.UnusedAfter = -TimeSpan.FromSeconds(1)), Is.EqualTo("CALICO_MESOS_UNUSEDAFTER"));
        Assert.That(Refused(s => s.ForgottenAfter = s.LimitedAfter), Is.EqualTo("CALICO_MESOS_FORGOTTENAFTER"));
        Assert.That(Refused(_ => { }), Is.Null);
    });

    private void Configure(MesosSettings settings)
    {
        using var server = Sign("localhost", _authority);
        (settings.TlsPort, settings.TlsCertificateFile) = (_port, Write("server.pem", server.ExportCertificatePem()));
        settings.TlsKeyFile = Write("server.key", server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        settings.TlsClientCaFile = Write("ca.pem", _authority.ExportCertificatePem());
    }

    private string? Refused(Action<MesosSettings> change)
    {
        var settings = new MesosSettings();
        Configure(settings);
        change(settings);
        try
        {
            settings.Check();
            return null;
        }
        catch (CalicoException e)
        {
            return e.Path;
        }
    }

    /// <returns>Null: refused.</returns>
    private async Task<AllocateResponse?> CallAsync(X509Certificate2? certificate)
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Issuer == "CN=authority";
        if (certificate is not null)
        {
            handler.SslOptions.ClientCertificates = [certificate];
        }

        using var channel = GrpcChannel.ForAddress($"https://127.0.0.1:{_port}", new() { HttpHandler = handler });
        try
        {
            return await new Isolator.IsolatorClient(channel).AllocateAsync(new() { Uid = "u", NumIpv4 = 1 });
        }
        catch (RpcException e)
        {
            Assert.That(e.ToString(), Does.Not.Contain("refused"), "somebody listens");
            return null;
        }
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }

    private static X509Certificate2 Sign(string name, X509Certificate2? authority, string? use = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(authority is null, false, 0, true));
        if (use is not null)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        }

        var (from, to) = (DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddHours(1));
        if (authority is null)
        {
            return request.CreateSelfSigned(from, to);
        }

        using var signed = request.Create(authority, from.AddMinutes(1), to.AddMinutes(-1), RandomNumberGenerator.GetBytes(8));
        using var both = signed.CopyWithPrivateKey(key);
        // A key that only lives in memory is not taken for a handshake.
        return X509CertificateLoader.LoadPkcs12(both.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
