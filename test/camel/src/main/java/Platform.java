import java.nio.charset.StandardCharsets;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.Main;
import org.apache.camel.main.MainListenerSupport;

/** An integration platform as one writes it with Apache Camel: what comes in over MLLP is mapped and goes out over MLLP. */
public final class Platform {
  public static void main(String[] arguments) throws Exception {
    String listen = "mllp:127.0.0.1:" + arguments[0] + "?hl7Headers=false&stringPayload=false";
    String send = "mllp:127.0.0.1:" + arguments[1];
    String ownName = arguments[2];
    String driftId = arguments[3];
    String driftCode = arguments[4];
    Main main = new Main();
    main.configure().addRoutesBuilder(new RouteBuilder() {
      @Override
      public void configure() {
        from(listen)
            .process(exchange -> {
              String message = new String(exchange.getMessage().getBody(byte[].class), StandardCharsets.ISO_8859_1);
              String mapped = message.replaceFirst("^(MSH\\|[^|]*\\|)[^|]*", "$1" + ownName);
              if (message.contains("|" + driftId + "|P|")) mapped = mapped.replace("||CBC^", "||" + driftCode + "^");
              exchange.getMessage().setBody(mapped.getBytes(StandardCharsets.ISO_8859_1));
            })
            .to(send)
            .setProperty("CamelMllpAcknowledgement", header("CamelMllpAcknowledgement"));
      }
    });
    main.addMainListener(new MainListenerSupport() {
      @Override
      public void afterStart(BaseMainSupport support) {
        System.out.println("ready");
      }
    });
    main.run();
  }
}
