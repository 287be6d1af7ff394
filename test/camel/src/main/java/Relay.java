import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.Main;

/** A gateway as one writes it with Apache Camel: a route for each line `LISTEN TO` of a file, the platform's own answer passed on. */
public final class Relay {
  public static void main(String[] arguments) throws Exception {
    List<String> lines = Files.readAllLines(Path.of(arguments[0]));
    Main main = new Main();
    main.configure().addRoutesBuilder(new RouteBuilder() {
      @Override
      public void configure() {
        for (String line : lines) {
          String[] ports = line.split(" ");
          from("mllp:127.0.0.1:" + ports[0] + "?hl7Headers=false&stringPayload=false")
              .to("mllp:127.0.0.1:" + ports[1])
              .setProperty("CamelMllpAcknowledgement", header("CamelMllpAcknowledgement"));
        }
      }
    });
    main.run();
  }
}
